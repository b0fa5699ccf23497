"""The command line: one module a verb, listed in COMMANDS and imported only when its verb is asked for.

`commands/<module>.py` exposes `command`, a click.Command. A new verb is a module and a row. An expected error is one line on
stderr and the error's exit status; Ctrl-C is quiet and gives 130; a stack trace is a bug.

This is the only package that wires the others together: a verb reads its options and settings, calls what decides, and prints
text or JSON. A verb of more than one module has a room; a room's name is its verb's.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tickproof.errors import TickproofError

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells report it."""
TERMINATED = 143
"""Exit status after SIGTERM."""

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("commands.demo.demo", "run broker, job and a faulty market, measure what is found"),
    "simulate": ("commands.simulate.simulate", "simulate a market with labelled faults"),
    "inject": ("commands.inject.inject", "put labelled faults into a recording"),
    "recordings": ("commands.recordings.recordings", "list what recorded feeds hold"),
    "survey": ("commands.survey.survey", "scan all recordings of a folder, write a page about them"),
    "replay": ("commands.replay.replay", "publish recorded feeds to Kafka, at any pace"),
    "scan": ("commands.scan", "check every tick of recordings, offline"),
    "submit": ("commands.submit", "start the job on a session cluster or in this process"),
    "jobs": ("commands.jobs", "list, stop and cancel the jobs of a session cluster"),
    "watch": ("commands.watch", "follow findings on a terminal"),
    "report": ("commands.report", "write the report on a scan as one HTML file"),
    "train": ("commands.train", "train a model on labelled simulated streams"),
    "evaluate": ("commands.evaluation.evaluate", "measure verdicts and findings against labels"),
    "audit": ("commands.audit", "prove from the topics that each tick is there exactly once"),
    "dead-letters": ("commands.dead_letters", "list payloads that could not be read, and why"),
    "doctor": ("commands.doctor", "find what is wrong on this machine, and what to do next"),
    "topics": ("commands.topics", "create, list, check and delete the topics"),
    "cluster": ("commands.cluster", "start and stop a Flink session cluster on this machine"),
    "settings": ("commands.settings", "print the settings in force and where each comes from"),
    "docs": ("commands.docs.docs", "write or check the reference pages made from the code"),
}
"""Verb -> its module and one line of help, in the order in which a newcomer needs them."""


class Verbs(click.Group):
    """A click group over COMMANDS that imports a verb's module only to run that verb."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a verb; None for a verb that is not in the table."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table, without importing their modules."""
        rows = [(verb, line) for verb, (_, line) in COMMANDS.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version  # 20 ms that only --version needs

        click.echo(f"tickproof {version('tickproof')}")
        ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version.")
def program() -> None:
    """Check market-data feeds on Kafka before anything trades on them: every tick scored, with a verdict and the reasons."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status.

    0 done, 1 found wrong, 2 usage, 3 input, 4 a service is not there, 5 a step fails on everything, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after the program's name; by default those of this process.
    """
    # A plain kill runs the same clean-up as Ctrl-C: brokers and clusters are stopped by their context managers.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        status = program.main(args=None if arguments is None else list(arguments), prog_name="tickproof", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = error.exit_code
    except click.ClickException as error:
        status = _say(_usage(error), error.exit_code)
    except TickproofError as error:
        status = _say(str(error), error.exit_status)
    except BrokenPipeError:
        # The reader (`head`, say) has left: nothing to say, and nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status if isinstance(status, int) else 0)


def _say(text: str, status: int) -> int:
    click.echo("tickproof: " + " ".join(text.split()), err=True)
    return status


def _usage(error: click.ClickException) -> str:
    """Return one line for a wrong call, with the command whose help explains it."""
    context = getattr(error, "ctx", None)
    text = error.format_message().rstrip(".")
    return f"{text}; see `{context.command_path} --help`" if context is not None else text


def _terminate(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(TERMINATED)
