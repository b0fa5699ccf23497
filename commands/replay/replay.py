"""`tickproof replay`: recorded feeds to Kafka, at recorded speed or another."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from commands.configuration import broker_options, mapping_option, read
from commands.replay.view import resumed_line, resumed_of, summary_of, text_of, watched
from producers.publish import committed_progress
from producers.publish.input_identity import digest_of, name_of
from producers.publish.kafka import LARGE_FRAMES, Publisher
from producers.publish.pacing import WallClock
from producers.publish.replay import Plan, frames, replay, shifted, span_ns
from producers.publish.replay_extent import Reach, end_of
from producers.publish.transactions import ResumablePublisher
from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.reading.tally import nothing_read
from producers.recordings.registry import Format, Tally, find, open_recordings, with_mapping
from tickproof.errors import InputError
from tickproof.settings import Settings
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, Ticks

TOPIC = "ticks.raw"


class Speed(click.ParamType[float]):
    """A speed: `recorded`, `max`, or a factor on the recorded one."""

    name = "speed"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the factor; infinity for `max`."""
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
        """Return ns since the epoch."""
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
    mapping: ColumnMapping | None
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
    resume: bool
    name: str | None
    diff: str | None
    patience_s: float
    as_json: bool

    @property
    def event_speed(self) -> float | None:
        """Return event time per unit of wall time; None: as fast as possible."""
        return None if math.isinf(self.speed) else self.speed

    @property
    def formats(self) -> tuple[Format, ...]:
        """Return the formats in the order in which they are tried."""
        return with_mapping(self.mapping)

    @property
    def wanted(self) -> list[str] | None:
        """Return the wanted symbols."""
        return [name.strip() for name in self.symbols.split(",")] if self.symbols else None

    def plan(self, settings: Settings) -> Plan:
        """Return what is sent."""
        return Plan(
            rows=self.frame_rows,
            span_ns=self.frame_span_ms * NS_PER_MS if self.frame_span_ms else span_ns(self.event_speed),
            by_channel=self.encoding == "frames",
            sealed=self.sealed,
            lookahead_ns=settings.lookahead_ms * NS_PER_MS,
            out_of_orderness_ns=settings.out_of_orderness_ms * NS_PER_MS,
        )


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@broker_options
@mapping_option
@click.option("--topic", "--to-topic", "topic", help=f"Full name of the topic; by default the prefix and {TOPIC}.")
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
    chosen = Options(**options)
    if chosen.name is not None and not chosen.resume:
        raise click.UsageError("--name is of a replay with --resume; give both, or leave --name out")
    settings = read({"brokers": chosen.brokers, "prefix": chosen.prefix}).settings
    topic = chosen.topic or settings.prefix + TOPIC
    if chosen.diff is None:
        summary = _send(chosen, settings)
        lines, is_same = [text_of(summary, f"{topic} on {settings.brokers}")], True
    else:
        summary, lines, is_same = _compare(replace(chosen, topic=topic), settings, chosen.diff)
    click.echo(json.dumps(summary) if chosen.as_json else "\n".join(lines))
    if summary["files_broken"]:
        ctx.exit(InputError.exit_status)
    ctx.exit(0 if is_same else 1)


def _compare(chosen: Options, settings: Settings, run: str) -> tuple[dict[str, Any], list[str], bool]:
    """Publish and compare with a run; return the summary, its text for people, and whether nothing differs."""
    if chosen.shift_to_now or not chosen.sealed:
        raise click.UsageError("--diff compares the same ticks, all of them final: leave --shift-to-now and --no-seal out")
    # What reads a job's topics takes a second to import.
    from commands.replay.diff import Target, compared, difference_text, topic_of_job

    target = Target(topic_of_job(settings.brokers, str(chosen.topic)), chosen.patience_s, is_resumed=chosen.resume)
    chosen = replace(chosen, topic=target.topic)
    summary, difference = compared(run, target, settings, lambda: _send(chosen, settings))
    lines = [text_of(summary, f"{target.topic} on {settings.brokers}"), difference_text(difference)]
    return summary, lines, difference.is_same


def _send(chosen: Options, settings: Settings) -> dict[str, Any]:
    """Publish what is asked for; return what was done."""
    broken: dict[Path, str] | None = {} if len(find(chosen.paths, formats=chosen.formats)) > 1 else None
    plan, tally, begun = chosen.plan(settings), Tally(broken=broken), time.monotonic()
    window = {"start_ns": chosen.start_ns, "end_ns": chosen.end_ns}
    ticks: Iterable[Ticks] = open_recordings(chosen.paths, symbols=chosen.wanted, tally=tally, formats=chosen.formats, **window)
    now_ns = time.time_ns() if chosen.shift_to_now else None
    resumed = {}
    with _publisher(chosen, settings) as publisher:
        if isinstance(publisher, ResumablePublisher):
            digest = digest_of(chosen.paths, chosen.end_ns, chosen.formats)
            start = publisher.begin(digest, _decisive(chosen, plan), plan.span_ns, now_ns)
            plan, now_ns = replace(plan, span_ns=start.span_ns), start.now_ns
            resumed = {"resumed": resumed_of(publisher.name, start)}
            click.echo(f"replay {publisher.name}: {resumed_line(resumed['resumed'])}", err=True)
        if now_ns is not None:
            ticks = shifted(ticks, now_ns)
        # Times that are moved do not end where the recordings say.
        end_ns = None if now_ns is not None else end_of(chosen.paths, chosen.end_ns, chosen.formats)
        reach = Reach(chosen.paths, tally, end_ns, chosen.formats)
        source = frames(reach.follow(ticks), publisher.partitions, plan)
        if isinstance(publisher, ResumablePublisher):
            source = publisher.rest(source)
        with watched(publisher, reach) as watch:
            schedule = replay(source, publisher, chosen.event_speed, WallClock(), watch, fills=not chosen.resume)
        published = publisher.close()
    for line in (tally.broken or {}).values():
        click.echo(f"tickproof: {line}", err=True)
    if not (published.ticks or resumed or chosen.wanted) and chosen.start_ns is None and chosen.end_ns is None:
        raise InputError(nothing_read(chosen.paths, tally))
    return {**summary_of(published, schedule, tally, time.monotonic() - begun), **resumed}


def _publisher(chosen: Options, settings: Settings) -> Publisher:
    topic = chosen.topic or settings.prefix + TOPIC
    configuration = LARGE_FRAMES if chosen.event_speed is None and chosen.encoding == "frames" else None
    if not chosen.resume:
        return Publisher(settings.brokers, topic, configuration)
    name = chosen.name or name_of(chosen.paths, chosen.start_ns, chosen.end_ns, chosen.wanted)
    return ResumablePublisher(settings.brokers, topic, settings.prefix + committed_progress.TOPIC, name, configuration)


def _decisive(chosen: Options, plan: Plan) -> dict[str, committed_progress.Setting]:
    """Return the options, by name, that decide which frames are sent; speed is not among them."""
    return {
        "encoding": chosen.encoding,
        "from": chosen.start_ns,
        "to": chosen.end_ns,
        "symbols": ",".join(sorted(set(chosen.wanted))) if chosen.wanted else None,
        "frame-rows": chosen.frame_rows,
        "frame-span-ms": chosen.frame_span_ms,
        "seal": chosen.sealed,
        "lookahead-ms": plan.lookahead_ns // NS_PER_MS,
        "out-of-orderness-ms": plan.out_of_orderness_ns // NS_PER_MS,
    }
