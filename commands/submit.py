"""`tickproof submit`: start the job, on a session cluster or in a mini-cluster of this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.configuration import broker_options, read
from commands.options.tables import REMOVED, SETTINGS
from tickproof.errors import InputError, ServiceError, SettingsError, StepError

if TYPE_CHECKING:
    from jobs.flink.running_job import RunningJob

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
OF_THE_BROKER = ("brokers", "prefix")
"""Settings whose options many verbs have."""


def settings_options(function: Decorated) -> Decorated:
    """Add an option for each setting, which defaults to the setting in force."""
    for name, text in reversed([one for one in SETTINGS.items() if one[0] not in OF_THE_BROKER]):
        shown = f"{text[:1].upper()}{text[1:]}."
        function = click.option(f"--{name.replace('_', '-')}", name, metavar="VALUE", help=shown)(function)
    for name in REMOVED:
        # Accepted so that `read` can say why it is gone.
        function = click.option(f"--{name.replace('_', '-')}", name, hidden=True, help=f"Removed: {REMOVED[name]}.")(function)
    return function


@click.command()
@click.option("--cluster", metavar="HOST:PORT", help="REST address of a session cluster.")
@click.option("--embedded", is_flag=True, help="Run in a mini-cluster of this process, in the foreground.")
@click.option("--bounded", is_flag=True, help="Stop when everything that ticks.raw holds now is scored.")
@click.option("--from-savepoint", "savepoint", metavar="PATH", help="Resume from a savepoint or a retained checkpoint.")
@broker_options
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def command(*, cluster: str | None, embedded: bool, bounded: bool, savepoint: str | None, as_json: bool, **options: Any) -> None:
    """Start the job and watch it until it runs.

    Everything the job needs is checked first: Python, connector, broker, topics, cluster, model. On a cluster it then runs by
    itself. An embedded job stays in the foreground; Ctrl-C stops it with a savepoint, from which another can resume.

    A tick that a step fails on goes to the dead letters, and the others go on. Where a step fails on everything, which is a bug,
    the job is cancelled instead of turning the feed into dead letters: exit status 5, and on a cluster `tickproof jobs list` says
    why. It can go on from its last checkpoint once the bug is mended.

    \b
    Examples:
      tickproof submit --embedded
      tickproof submit --embedded --bounded --prefix replay-2014.
      tickproof submit --cluster 127.0.0.1:8081 --parallelism 2 --json
      tickproof submit --cluster 127.0.0.1:8081 --from-savepoint .tickproof/checkpoints/savepoints/savepoint-1f2e3d
    """
    if embedded == (cluster is not None):
        raise click.UsageError("choose one: --embedded or --cluster HOST:PORT")
    if bounded and savepoint is not None:
        raise SettingsError("--bounded: found with --from-savepoint, whose job remembers its own end; leave one of them out")
    from jobs.checks import preflight
    from jobs.checks.check import Subject
    from jobs.flink.submit import start_embedded, start_session
    from jobs.kafka.outcome import ends

    effective = read(options)
    preflight.require(Subject(effective, cluster))
    settings = effective.settings
    before = ends(settings.brokers, settings.prefix) if cluster is None else None
    if cluster is not None:
        job = start_session(settings, cluster, bounded=bounded, savepoint=savepoint)
    else:
        job = start_embedded(settings, settings.checkpoint_folder, bounded=bounded, savepoint=savepoint)
    try:
        job.wait_running()
    except (ServiceError, StepError):
        # Flink would restart the job for ever.
        with suppress(ServiceError):
            job.cancel()
        raise
    _say(as_json, {"job": job.id, "rest": job.rest.address}, f"job {job.id} runs, Flink at {job.rest.address}")
    if before is None or not _stay(job, settings.checkpoint_folder / "savepoints", as_json):
        return
    if not bounded:
        _say(as_json, {"job": job.id, "state": "STOPPED"}, "the job was stopped from outside")
        return
    if ends(settings.brokers, settings.prefix).only_dead_letters_since(before):
        raise InputError(
            f"the end of {settings.prefix}ticks.raw is reached, and nothing was scored: every message became a dead letter; "
            "`tickproof dead-letters` says why"
        )
    _say(as_json, {"job": job.id, "state": "FINISHED"}, "done: the end of ticks.raw is reached")


def _stay(job: RunningJob, savepoints: Path, as_json: bool) -> bool:
    """Keep an embedded job in the foreground until it ends or is stopped; return whether it ended by itself."""
    from jobs.flink.running_job import POLL_S

    try:
        # Polled, because a wait inside Java could not be interrupted cleanly.
        while not job.ended():
            job.check()
            time.sleep(POLL_S)
    except (KeyboardInterrupt, SystemExit):
        if job.ended():
            raise
        where = job.stop(str(savepoints.resolve()))
        job.wait_ended()
        _say(as_json, {"job": job.id, "savepoint": where}, f"stopped; `--from-savepoint {where}` goes on from here")
        return False
    job.wait()
    return True


def _say(as_json: bool, answer: dict[str, str], text: str) -> None:
    click.echo(json.dumps(answer) if as_json else text)
