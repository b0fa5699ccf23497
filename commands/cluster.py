"""`tickproof cluster`: a standalone Flink session cluster on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from jobs.flink.cluster import Cluster

FOLDER = Path(".tickproof/cluster")
folder_option = click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="The cluster's run folder."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(name="cluster")
def command() -> None:
    """Start, stop and inspect a standalone Flink session cluster on this machine, without Docker.

    The cluster outlives the command that starts it and listens on loopback. `tickproof submit --cluster HOST:PORT` sends it jobs.

    \b
    Examples:
      tickproof cluster start --task-managers 2
      tickproof cluster status --json
      tickproof cluster stop
    """


@command.command()
@folder_option
@click.option("--task-managers", type=click.IntRange(1, 32), default=1, show_default=True, help="Number of TaskManagers.")
@click.option("--slots", type=click.IntRange(1, 32), default=2, show_default=True, help="Slots of each TaskManager.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the REST interface; by default a free one.")
@json_option
def start(folder: Path, task_managers: int, slots: int, port: int | None, as_json: bool) -> None:
    """Start a cluster and wait until it is ready.

    \b
    Examples:
      tickproof cluster start
      tickproof cluster start --folder /tmp/flink --port 8081
    """
    from jobs.flink.cluster import Cluster

    cluster = Cluster.start(folder, task_managers, slots, port=port, tied=False)
    _print(cluster, as_json)


@command.command()
@folder_option
@json_option
@click.pass_context
def status(ctx: click.Context, folder: Path, as_json: bool) -> None:
    """Show what is running; exit status 1 if the JobManager is not.

    \b
    Examples:
      tickproof cluster status
    """
    from jobs.flink.cluster import Cluster

    cluster = Cluster.attach(folder)
    _print(cluster, as_json)
    ctx.exit(0 if cluster.alive() else 1)


@command.command()
@folder_option
@json_option
def stop(folder: Path, as_json: bool) -> None:
    """Stop the cluster and all its processes; checkpoints and logs are kept.

    \b
    Examples:
      tickproof cluster stop
    """
    from jobs.flink.cluster import Cluster

    stopped = Cluster.attach(folder).stop()
    click.echo(
        json.dumps({"stopped": stopped}) if as_json else f"stopped {', '.join(stopped) or 'nothing: it had ended already'}"
    )


def _print(cluster: Cluster, as_json: bool) -> None:
    from jobs.flink.rest import Rest

    pids, rest = cluster.pids, Rest(cluster.rest)
    answer: dict[str, Any] = {"rest": cluster.rest, "folder": str(cluster.folder), "pids": pids, "alive": cluster.alive()}
    if rest.answers():
        free, total = rest.slots()
        answer |= {
            "slots_free": free,
            "slots": total,
            "jobs": [{"id": job.id, "name": job.name, "state": job.state} for job in rest.jobs()],
        }
    if as_json:
        click.echo(json.dumps(answer))
        return
    if not pids:
        click.echo(f"nothing runs in {cluster.folder}; `tickproof cluster start` starts a cluster")
        return
    click.echo(f"Flink at {cluster.rest}, {answer.get('slots_free', '?')} of {answer.get('slots', '?')} slots free")
    for name, pid in pids.items():
        click.echo(f"  {name:16} pid {pid}")
    for job in answer.get("jobs", []):
        click.echo(f"  job {job['id']} {job['state']:10} {job['name']}")
