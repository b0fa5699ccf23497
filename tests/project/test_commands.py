"""The command line as a program: every command explains itself with examples, and every expected error is one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import commands
from commands import COMMANDS

PROGRAM = [sys.executable, "-c", "import commands; commands.main()"]


def every_command() -> Iterator[tuple[str, click.Command]]:
    """All commands and the commands of groups, by what a person types."""
    for verb in COMMANDS:
        found = commands.program.get_command(click.Context(commands.program), verb)
        assert found is not None
        yield verb, found
        if isinstance(found, click.Group):
            yield from ((f"{verb} {name}", one) for name, one in found.commands.items())


def call(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], cwd=root, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.parametrize(("typed", "command"), every_command(), ids=[typed for typed, _ in every_command()])
def test_every_command_explains_itself(typed: str, command: click.Command) -> None:
    text = command.help or ""
    assert "Examples:" in text
    assert f"tickproof {typed}" in text
    assert "\b" in text, "click would join the lines of the examples"
    context = click.Context(command, info_name=typed)
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{typed} {parameter.name}"


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_table_is_the_folder(verb: str) -> None:
    module, line = COMMANDS[verb]
    name = verb.replace("-", "_")
    rooms = {"evaluate": "evaluation"}
    assert module in (f"commands.{name}", f"commands.{rooms.get(name, name)}.{name}")
    assert line
    assert line[0].islower()
    assert not line.endswith(".")


HEAVY = {
    "apache_beam", "confluent_kafka", "exchange_calendars", "jinja2", "llvmlite", "msgspec", "numba", "numpy", "orjson", "pandas",
    "py4j", "pyarrow", "pydantic", "pyflink", "rich", "scipy", "skops", "sklearn", "urllib.request",
}  # fmt: skip
"""Modules that take longer to import than click."""


def imported_by(root: Path, calls: list[list[str]]) -> dict[str, list[str]]:
    """Call -> the heavy modules that are imported after it, of calls that one process makes one after the other."""
    code = (
        "import contextlib, io, json, sys, commands\n"
        "found = {}\n"
        "for call in json.loads(sys.argv[1]):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:\n"
        "        try: commands.main(call)\n"
        "        except SystemExit as end: assert end.code in (0, 2), (call, end.code, said.getvalue())\n"
        "    found[' '.join(call)] = sorted(set(json.loads(sys.argv[2])) & set(sys.modules))\n"
        "print(json.dumps(found))"
    )
    arguments = [json.dumps(calls), json.dumps(sorted(HEAVY))]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, list[str]] = json.loads(done.stdout)
    return result


def test_help_and_wrong_calls_import_nothing_heavy(root: Path) -> None:
    typed = [one.split() for one, _ in every_command()]
    wrong = [[*one, "--no-such-option"] for one in typed]
    found = imported_by(root, [["--help"], [], ["--version"], ["no-such-verb"], *([*one, "--help"] for one in typed), *wrong])
    assert len(found) == 4 + 2 * len(typed)
    assert not {call: modules for call, modules in found.items() if modules}


def test_what_is_called_heavy_can_be_seen(root: Path) -> None:
    """A verb that runs imports some of it: the test above would find what a callback needs."""
    assert "pydantic" in imported_by(root, [["settings"]])["settings"]


def test_help_imports_no_verb(root: Path) -> None:
    code = (
        "import sys, commands\n"
        "try: commands.main(['--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'confluent_kafka', 'pandas', 'pyflink', 'sklearn', 'pydantic', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert not [name for name in sys.modules if name.startswith('commands.')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(line in done.stdout for _, line in COMMANDS.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["no-such-verb"], 2, "No such command 'no-such-verb'; see `tickproof --help`"),
        (["topics", "create", "--no-such-option"], 2, "see `tickproof topics create --help`"),
        (["topics", "check", "--brokers", "nowhere"], 2, "brokers (option): found 'nowhere'"),
        (["topics", "check", "--brokers", "127.0.0.1:1"], 4, "no broker answers at 127.0.0.1:1"),
        (["cluster", "status", "--folder", "no/such/folder"], 4, "no cluster was started in no/such/folder"),
    ],
)
def test_an_expected_error_is_one_line(root: Path, arguments: list[str], status: int, said: str) -> None:
    done = call(root, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("tickproof: ")
    assert said in line


def test_version(root: Path) -> None:
    assert call(root, "--version").stdout.startswith("tickproof 0.")


def test_a_wrong_variable_is_one_line(root: Path) -> None:
    done = call(root, "settings", TICKPROOF_SHARDS="many", TICKPROOF_SHARTS="4")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "shards (TICKPROOF_SHARDS): found 'many'" in line
    assert "sharts (TICKPROOF_SHARTS): no such setting" in line


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_commands_are_quiet(root: Path, number: int, status: int) -> None:
    # A verb that interrupts itself, so that the test needs no timing.
    code = (
        "import os, click, commands, types, sys\n"
        f"command = click.Command('stuck', callback=lambda: os.kill(os.getpid(), {int(number)}) or os.read(os.pipe()[0], 1))\n"
        "sys.modules['stuck'] = types.SimpleNamespace(command=command)\n"
        "commands.COMMANDS['stuck'] = ('stuck', 'waits for ever')\n"
        "commands.main(['stuck'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (status, "", "")
