"""`tickproof jobs`: the jobs of a session cluster: list, stop, cancel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.cluster import FOLDER
from commands.configuration import read
from tickproof.errors import SettingsError

if TYPE_CHECKING:
    from jobs.flink.rest import Rest

cluster_option = click.option(
    "--cluster", metavar="HOST:PORT", help="REST address; by default that of the cluster started by `tickproof cluster start`."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(name="jobs")
def command() -> None:
    """List, stop and cancel the jobs of a session cluster.

    \b
    Examples:
      tickproof jobs list --cluster 127.0.0.1:8081
      tickproof jobs stop --json
      tickproof jobs cancel 5f1c0a9de8b74c0f8d3e2a1b4c5d6e7f
    """


@command.command(name="list")
@cluster_option
@json_option
def list_jobs(cluster: str | None, as_json: bool) -> None:
    """List the jobs, newest first, with the number of failures and the last reason.

    \b
    Examples:
      tickproof jobs list
      tickproof jobs list --cluster 127.0.0.1:8081 --json
    """
    rest = _rest(cluster)
    rows: list[dict[str, Any]] = []
    for job in rest.jobs():
        row: dict[str, Any] = {"id": job.id, "name": job.name, "state": job.state, "duration_ms": job.duration_ms}
        rows.append(row | {"failures": rest.failures(job.id), "cause": rest.cause(job.id)})
    if as_json:
        click.echo(json.dumps({"rest": rest.address, "jobs": rows}))
        return
    for row in rows:
        failed = f"  failed {row['failures']} times: {row['cause']}" if row["failures"] else ""
        click.echo(f"{row['id']}  {row['state']:10} {row['duration_ms'] / 1000:9.1f} s  {row['name']}{failed}")
    if not rows:
        click.echo(f"no jobs on Flink at {rest.address}")


@command.command()
@click.argument("job", required=False)
@cluster_option
@click.option(
    "--savepoints", type=click.Path(path_type=Path), help="Folder; by default `savepoints` in the setting `checkpoint_folder`."
)
@click.option("--drain", is_flag=True, help="Make everything final first; such a savepoint cannot be resumed from.")
@json_option
def stop(job: str | None, cluster: str | None, savepoints: Path | None, drain: bool, as_json: bool) -> None:
    """Stop a job with a savepoint and print its path; without JOB, the only running one.

    \b
    Examples:
      tickproof jobs stop
      tickproof jobs stop 5f1c0a9de8b74c0f8d3e2a1b4c5d6e7f --savepoints /data/savepoints --json
    """
    rest = _rest(cluster)
    chosen = _chosen(rest, job)
    folder = savepoints or read().settings.checkpoint_folder / "savepoints"
    where = rest.stop_with_savepoint(chosen, str(folder.resolve()), drain=drain)
    click.echo(json.dumps({"job": chosen, "savepoint": where}) if as_json else f"job {chosen} stopped; its savepoint is {where}")


@command.command()
@click.argument("job", required=False)
@cluster_option
@json_option
def cancel(job: str | None, cluster: str | None, as_json: bool) -> None:
    """Cancel a job at once; its last checkpoint is kept. Without JOB, the only running one.

    \b
    Examples:
      tickproof jobs cancel
    """
    rest = _rest(cluster)
    chosen = _chosen(rest, job)
    rest.cancel(chosen)
    state = rest.wait(chosen)
    click.echo(json.dumps({"job": chosen, "state": state}) if as_json else f"job {chosen} is {state}")


def _rest(cluster: str | None) -> Rest:
    from jobs.flink.cluster import Cluster
    from jobs.flink.rest import Rest

    return Rest(cluster or Cluster.attach(FOLDER).rest)


def _chosen(rest: Rest, job: str | None) -> str:
    if job is not None:
        return job
    from jobs.flink.rest import ENDED

    running = [one.id for one in rest.jobs() if one.state not in ENDED]
    if len(running) != 1:
        raise SettingsError(
            f"found {len(running)} jobs that run on Flink at {rest.address}, expected one; name it: `tickproof jobs list`"
        )
    return running[0]
