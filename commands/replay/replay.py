"""`tickproof replay`: recorded feeds to Kafka, at recorded speed or another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.configuration import broker_options, mapping_option
from commands.options.types import Moment, Speed


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@broker_options
@mapping_option
@click.option("--topic", "--to-topic", "topic", help="Full name of the topic; by default the prefix and ticks.raw.")
@click.option("--speed", type=Speed(), default="recorded", show_default=True, help="`recorded`, `max`, or a factor such as 10.")
@click.option(
    "--encoding", type=click.Choice(["frames", "json"]), default="frames", show_default=True, help="Content of a record."
)
@click.option("--from", "start_ns", type=Moment(), help="Only ticks captured at or after this time.")
@click.option("--to", "end_ns", type=Moment(), help="Only ticks captured before this time.")
@click.option("--symbols", help="Only these symbols, separated by commas.")
@click.option("--shift-to-now", is_flag=True, help="Move all times so that the first tick is captured now.")
@click.option("--frame-rows", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Most ticks in a frame.")
@click.option("--frame-span-ms", type=click.IntRange(1), help="Longest event time of a frame; by default chosen by the speed.")
@click.option(
    "--seal/--no-seal", "sealed", default=True, show_default=True, help="End with heartbeats that make all ticks final."
)
@click.option("--resume", is_flag=True, help="Send in transactions, and continue where a replay that was killed ended.")
@click.option("--name", help="Name of a replay with --resume; by default derived from its paths, window and symbols.")
@click.option(
    "--diff",
    metavar="RUN",
    help="Wait for a job that reads the topic, and compare its findings with those of RUN.",
)
@click.option(
    "--patience",
    "patience_s",
    type=click.FloatRange(1),
    default=120.0,
    show_default=True,
    help="With --diff: give up when the job has scored nothing for this many seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Publish recordings to Kafka: files and folders, merged by capture time.

    Ticks of a channel keep their order. At each second of event time all channels and partitions get a capture heartbeat, and the
    last ones seal the replay, so that every tick becomes final. Do not run two replays into one topic at the same time.

    With --resume, readers of committed records see each tick once, however often the replay is killed and started again, at any
    speed: its progress is committed together with its ticks, to the topic replay.progress. Ticks become visible half a second
    later, and the same bytes are sent each time.

    With --diff, RUN is a folder that `tickproof scan` wrote, or HOST:PORT/PREFIX of a job's topics; --to-topic is the PREFIX, or
    PREFIXticks.raw, of a job that runs now or later. Its findings are compared with those of RUN: same, new, gone or changed.
    Exit status 1 if any differ.

    \b
    Examples:
      tickproof replay recordings/ --brokers 127.0.0.1:9092 --speed max
      tickproof replay ibm/20131007_trade.zip ibm/20131007_quote.zip --speed 60 --from 2013-10-07T13:30:00Z
      tickproof replay out/ticks.parquet --shift-to-now --encoding json --prefix live.
      tickproof replay recordings/ --speed max --resume
      tickproof replay recordings/ --speed max --to-topic new.ticks.raw --diff scanned/
      tickproof replay recordings/ --speed max --to-topic new.ticks.raw --diff 127.0.0.1:9092/old. --json
    """
    from commands.replay.work import run

    run(ctx, **options)
