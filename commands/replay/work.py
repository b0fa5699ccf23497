"""`tickproof replay`: recorded feeds to Kafka, at recorded speed or another."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from commands.configuration import read
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
from tickproof.ticks.schema import NS_PER_MS, Ticks

TOPIC = "ticks.raw"


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


def run(ctx: click.Context, /, **options: Any) -> None:
    """Carry out `tickproof replay`."""
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
