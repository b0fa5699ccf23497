"""`tickproof inject`: labelled faults and genuine twins put into a recording, to measure what is found on one's own feed."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from commands import configuration
from commands.simulate.stream_folder import write
from jobs.pipeline import reference_file
from producers.faults.table import FAULTS, SLOW, Faults
from producers.injection.feed import BLOCK_NS, RecordedFeed, learn
from producers.injection.injected_recording import InjectedRecording
from producers.recordings.registry import Tally, known, merged, open_recordings
from tickproof.errors import InputError, SettingsError
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import NS_PER_SECOND

SLOW_BLOCK_NS = 360 * NS_PER_SECOND
"""Length of a block where slow faults are asked for, the longest of which take five minutes."""


def run(
    *,
    recordings: tuple[Path, ...],
    out: Path,
    names: tuple[str, ...],
    per_kind: int,
    prevalence: float | None,
    seed: int,
    strength: float,
    warm_up_s: float,
    symbols: tuple[str, ...],
    reference: Path | None,
    as_json: bool,
) -> None:
    """Carry out `tickproof inject`."""
    unknown = [name for name in names if name not in FAULTS and name not in SLOW]
    if unknown:
        raise SettingsError(f"--faults: {', '.join(unknown)} is unknown, expected some of {', '.join((*FAULTS, *SLOW))}")
    amount: dict[str, Any] = {"per_kind": per_kind} if prevalence is None else {"per_kind": 0, "prevalence": prevalence}
    faults = Faults(seed=seed, names=names, strength=strength, warm_up_s=warm_up_s, **amount)
    given = merged(reference_file.load(configuration.read({"reference": reference}).settings.reference), known(recordings))
    begun = time.perf_counter()
    tally = Tally()
    chosen = symbols or None
    try:
        block_ns = SLOW_BLOCK_NS if set(names) & set(SLOW) else BLOCK_NS
        feed = learn(open_recordings(recordings, symbols=chosen, tally=tally), given, seed, block_ns)
    except InputError as error:
        raise InputError(f"{', '.join(map(str, recordings))}: {error}") from error
    stream = InjectedRecording(feed, lambda: open_recordings(recordings, symbols=chosen), faults)
    kinds = write(stream, stream.names, lambda: (stream.labels, _described(given, feed)), out)
    summary = {
        "ticks": sum(kinds.values()),
        "episodes": dict(sorted(Counter(found.kind for found in stream.labels).items())),
        "missing": stream.missing,
        "unfit": sorted(stream.unfit),
        "undecoded": dict(sorted(tally.undecoded.items())),
        "seconds": round(time.perf_counter() - begun, 3),
        "ticks_file": str(out / "ticks.parquet"),
        "labels_file": str(out / "labels.csv"),
        "reference_file": str(out / "reference.json"),
    }
    click.echo(json.dumps(summary) if as_json else _text(summary, stream))


def _described(given: Reference, feed: RecordedFeed) -> str:
    """Return what is known of the recording, as JSON, with what its numbers mean: another format would imply something else."""
    names = feed.universe.names[: len(feed.universe.channels)]
    channels = {name: given.channels.get(name, Channel()) for name in names}
    return given.model_copy(update={"channels": given.channels | channels}).model_dump_json(indent=1, exclude_none=True)


def _text(summary: dict[str, Any], stream: InjectedRecording) -> str:
    faults = sum(not found.is_genuine for found in stream.labels)
    lines = [
        f"{summary['ticks']:,} ticks in {summary['seconds']} s: {summary['ticks_file']}",
        f"{faults} episodes of faults, {len(stream.labels) - faults} of genuine twins: {summary['labels_file']}",
    ]
    if stream.missing:
        missing = ", ".join(f"{name} {count}" for name, count in stream.missing.items())
        lines.append(f"no place for: {missing}; a longer recording has more room")
    if stream.unfit:
        lines.append(f"not in this feed, which lacks what they need: {', '.join(sorted(stream.unfit))}")
    lines += [f"not decoded, {reason}: {count:,}" for reason, count in summary["undecoded"].items()]
    return "\n".join(lines)
