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


@click.command()
@click.argument("recordings", metavar="RECORDING...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to; created if needed."
)
@click.option("--faults", "names", multiple=True, metavar="NAME", help="Only this fault, slow ones too. May be repeated.")
@click.option("--per-kind", type=click.IntRange(0, 10_000), default=5, show_default=True, help="Episodes of each entry.")
@click.option("--prevalence", type=click.FloatRange(1e-6, 1e-2), help="Share of ticks that faults affect, instead of --per-kind.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--strength", type=click.FloatRange(0.05, 20), default=1.0, show_default=True, help="Factor on sizes of faults.")
@click.option(
    "--warm-up-s", type=click.FloatRange(0, 3600), default=60.0, show_default=True, help="Seconds without faults first."
)
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol. May be repeated.")
@click.option("--reference", type=click.Path(dir_okay=False, path_type=Path), metavar="F", help="Reference data, JSON or TOML.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
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
    """Put labelled faults into a recording and write ticks.parquet, labels.csv and reference.json to a folder.

    Any recording that `tickproof recordings` knows will do; choose one that is clean, because what is wrong with it already has
    no label. Faults keep clear of each other, and so do genuine twins of theirs: what looks alike and is right. Numbers and
    trade ids count on over what was added or lost, so that only faults of numbering show in them. The folder is for `scan`
    and `evaluate`, as one of `simulate` is. Entries that the feed cannot have, such as faults of sizes in a feed without
    sizes, are left out and named.

    \b
    Examples:
      tickproof inject my-day.parquet --out injected
      tickproof inject lean/equity/usa/tick/ibm --faults spike --faults frozen --per-kind 20 --seed 3 --out injected
      tickproof scan injected/ticks.parquet --reference injected/reference.json --out out
      tickproof evaluate --scored out/scored.parquet --findings out/findings.jsonl --labels injected/labels.csv
    """
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
