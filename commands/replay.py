"""`tickproof replay`: recorded feeds to Kafka, at their own pace or another."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from commands.configuration import broker_options, read
from producers.framing import Frame
from producers.pacing import Schedule, WallClock
from producers.publish import LARGE_FRAMES, Published, Publisher
from producers.recordings import Tally, open_recordings
from producers.replay import Plan, frames, replay, shifted, span_ns
from tickproof.tick import NS_PER_MS, NS_PER_SECOND

TOPIC = "ticks.raw"
PLAIN_EVERY_S = 5.0
"""Between two lines of progress where there is no terminal."""


class Speed(click.ParamType[float]):
    """`recorded`, `max`, or how many times as fast as recorded."""

    name = "speed"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The factor; infinity for `max`."""
        words = {"recorded": 1.0, "max": float("inf")}
        try:
            speed = words.get(str(value)) or float(str(value).removeprefix("x"))
        except ValueError:
            speed = 0.0
        if not speed > 0:
            self.fail(f"found {value!r}, expected recorded, max, or a positive number like 10 or 0.5", param, ctx)
        return speed


class Moment(click.ParamType[int]):
    """A time: RFC 3339 (UTC without an offset), or ns since the epoch."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Ns since the epoch."""
        text = str(value)
        if text.lstrip("-").isdigit():
            return int(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"found {text!r}, expected a time like 2013-10-07T13:30:00Z, or ns since the epoch", param, ctx)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        whole = moment.replace(microsecond=0)
        return int(whole.timestamp()) * NS_PER_SECOND + moment.microsecond * 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one call, as click gives them."""

    paths: tuple[Path, ...]
    brokers: str | None
    prefix: str | None
    topic: str | None
    speed: float
    encoding: str
    start_ns: int | None
    end_ns: int | None
    symbols: str | None
    shift_to_now: bool
    frame_rows: int
    frame_span_ms: int | None
    sealed: bool
    as_json: bool


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@broker_options
@click.option("--topic", help=f"The topic's full name; by default the prefix and {TOPIC}.")
@click.option("--speed", type=Speed(), default="recorded", show_default=True, help="recorded, max, or a factor like 10.")
@click.option(
    "--encoding", type=click.Choice(["frames", "json"]), default="frames", show_default=True, help="What a record holds."
)
@click.option("--from", "start_ns", type=Moment(), help="Ticks captured at or after this time.")
@click.option("--to", "end_ns", type=Moment(), help="Ticks captured before this time.")
@click.option("--symbols", help="Only these, by commas.")
@click.option("--shift-to-now", is_flag=True, help="Move all times so that the first tick is captured now.")
@click.option(
    "--frame-rows", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Ticks in a frame, at most."
)
@click.option("--frame-span-ms", type=click.IntRange(1), help="Event time in a frame, at most; by default as the speed needs it.")
@click.option(
    "--seal/--no-seal", "sealed", default=True, show_default=True, help="End with heartbeats that make all ticks final."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(**options: Any) -> None:
    """Replay recordings to Kafka: files and folders, merged by capture time.

    Ticks of a channel keep their order. At each second of event time all channels and partitions get a capture heartbeat, and the
    last ones seal the replay, so that a job judges all of it. Two replays into one topic at once would fight over its channels.

    \b
    Examples:
      tickproof replay recordings/ --brokers 127.0.0.1:9092 --speed max
      tickproof replay ibm/20131007_trade.zip ibm/20131007_quote.zip --speed 60 --from 2013-10-07T13:30:00Z
      tickproof replay out/ticks.parquet --shift-to-now --encoding json --prefix live.
    """
    chosen = Options(**options)
    settings = read({"brokers": chosen.brokers, "prefix": chosen.prefix}).settings
    speed = None if math.isinf(chosen.speed) else chosen.speed
    tally = Tally()
    ticks = open_recordings(
        chosen.paths,
        symbols=chosen.symbols.split(",") if chosen.symbols else None,
        start_ns=chosen.start_ns,
        end_ns=chosen.end_ns,
        tally=tally,
    )
    plan = Plan(
        rows=chosen.frame_rows,
        span_ns=chosen.frame_span_ms * NS_PER_MS if chosen.frame_span_ms else span_ns(speed),
        by_channel=chosen.encoding == "frames",
        sealed=chosen.sealed,
        lookahead_ns=settings.lookahead_ms * NS_PER_MS,
        out_of_orderness_ns=settings.out_of_orderness_ms * NS_PER_MS,
    )
    begun = time.monotonic()
    configuration = LARGE_FRAMES if speed is None and plan.by_channel else None
    with Publisher(settings.brokers, chosen.topic or settings.prefix + TOPIC, configuration) as publisher:
        if chosen.shift_to_now:
            ticks = shifted(ticks, time.time_ns())
        source = frames(ticks, publisher.partitions, plan)
        with _watched(publisher) as watch:
            schedule = replay(source, publisher, speed, WallClock(), watch)
        published = publisher.close()
    summary = _summary(published, schedule, tally, time.monotonic() - begun)
    click.echo(json.dumps(summary) if chosen.as_json else _text(summary, publisher, tally))


def _summary(published: Published, schedule: Schedule, tally: Tally, seconds: float) -> dict[str, Any]:
    return {
        **asdict(published),
        "seconds": round(seconds, 3),
        "ticks_per_s": round(published.ticks / seconds),
        "schedule": asdict(schedule),
        "out_of_order": tally.out_of_order,
        "undecoded": dict(sorted(tally.undecoded.items())),
        "unknown_files": list(map(str, tally.unknown)),
    }


def _text(summary: dict[str, Any], publisher: Publisher, tally: Tally) -> str:
    lines = [
        f"{summary['ticks']:,} ticks and {summary['heartbeats']:,} heartbeats in {summary['messages']:,} records, "
        f"{summary['bytes']:,} bytes, confirmed by {publisher.topic} on {publisher.brokers} "
        f"in {summary['seconds']} s: {summary['ticks_per_s']:,} ticks/s"
    ]
    lines += [f"  {channel}: {ticks:,}" for channel, ticks in summary["by_channel"].items()]
    schedule = summary["schedule"]
    if schedule["frames"]:
        late = {name: schedule[f"{name}_ns"] / NS_PER_MS for name in ("median", "p99", "worst")}
        lines.append("late by " + ", ".join(f"{name} {value:.2f} ms" for name, value in late.items()))
    if tally.out_of_order:
        lines.append(f"out of order in their files: {tally.out_of_order}")
    lines += [f"undecoded: {reason} ({count})" for reason, count in summary["undecoded"].items()]
    lines += [f"left out, no known format: {path}" for path in summary["unknown_files"]]
    return "\n".join(lines)


@contextmanager
def _watched(publisher: Publisher) -> Iterator[Callable[[Frame, int], None]]:
    """Progress after each frame: a line that changes on a terminal, a line now and then elsewhere; all on standard error."""
    begun = last = time.monotonic()
    on_terminal = sys.stderr.isatty()
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not on_terminal) as progress:
        task = progress.add_task("replaying")

        def watch(frame: Frame, late_ns: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < (0.2 if on_terminal else PLAIN_EVERY_S):
                return
            last = now
            ticks = publisher.published.ticks
            at = datetime.fromtimestamp(frame.first_ns // NS_PER_SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
            text = f"{at}  {ticks:,} ticks  {ticks / (now - begun):,.0f} ticks/s  lag {late_ns / NS_PER_MS:.0f} ms"
            progress.update(task, description=text)
            if not on_terminal:
                click.echo(text, err=True)

        yield watch
