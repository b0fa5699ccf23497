"""`tickproof simulate`: a simulated market with labelled faults, written to Parquet together with its labels."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from commands.configuration import read
from commands.simulate.publish import publish
from commands.simulate.stream_folder import write
from producers.faults.table import Faults
from producers.market.parameters import LIMITS, START_NS, Family, Market, usual
from producers.market.reference import reference
from producers.realism.observed_ticks import Observer
from producers.recordings.registry import find
from producers.simulation.day import Simulation, simulate
from tickproof.ticks.schema import Kind, Ticks

THICK_MINUTES = 60.0
"""Streams up to this long are full of genuine events unless --events says otherwise; longer ones are like usual days."""
OPTIONS = {"seed", "minutes", "start_ns", "symbols", "aggregated_venues"}
AXES: dict[str, type[int] | type[float]] = {
    one.name: int if one.type == "int" else float for one in fields(Market) if one.name in LIMITS and one.name not in OPTIONS
}
"""Parameters of a market that `--axis` takes."""


def run(
    *,
    seed: int,
    minutes: float,
    profile: str,
    start_ns: int | None,
    events: str | None,
    symbols: int,
    aggregated_venues: int,
    out: Path | None,
    faults_per_kind: int,
    prevalence: float | None,
    is_audit: bool,
    brokers: str | None,
    prefix: str | None,
    no_faults: bool,
    family: Family | None,
    recordings: tuple[Path, ...],
    axes: tuple[tuple[str, float], ...],
    names: tuple[str, ...],
    as_json: bool,
) -> None:
    """Carry out `tickproof simulate`."""
    if out is None and not is_audit:
        raise click.UsageError("--out is missing: a folder for the labels, and for the ticks unless they go to a broker")
    amount = {"per_kind": faults_per_kind} if prevalence is None else {"per_kind": 0, "prevalence": prevalence}
    is_usual = events == "usual" or (events is None and minutes > THICK_MINUTES)
    given: dict[str, Any] = {
        "minutes": minutes,
        "symbols": symbols,
        "profile": profile,
        "aggregated_venues": aggregated_venues,
        "eventfulness": usual(symbols) if is_usual else 1.0,
        **dict(axes),
    }
    if start_ns is not None or family is None:
        given["start_ns"] = START_NS if start_ns is None else start_ns
    if family is None:
        market, faults = Market(seed=seed, **given), Faults(seed=seed, names=names, **amount)
    else:
        market = Market.varied(seed, family, **given)
        faults = replace(Faults.varied(seed, family, names=names), **amount)
    faults = replace(faults, least_rate=min(faults.least_rate, market.least_rate))
    if is_audit:
        _audit(market, faults, as_json=as_json)
        return
    assert out is not None
    if recordings:
        # A day takes a minute to simulate: what cannot be compared is said before.
        find(recordings)
    simulation = simulate(market, None if no_faults else faults)
    observer = Observer() if recordings else None
    begun = time.perf_counter()
    if brokers or prefix:
        settings = read({"brokers": brokers, "prefix": prefix}).settings
        summary = publish(_watched(simulation, market, observer), simulation, market, settings, out)
        click.echo(_published(summary, time.perf_counter() - begun, simulation, as_json=as_json))
        return
    kinds = write(
        _watched(simulation, market, observer),
        simulation.names,
        lambda: (simulation.labels, json.dumps(reference(market, simulation.labels), indent=1)),
        out,
    )
    seconds = time.perf_counter() - begun
    summary = {
        "ticks": sum(kinds.values()),
        "by_kind": {Kind(kind).name.lower(): count for kind, count in sorted(kinds.items()) if count},
        "episodes": dict(sorted(Counter(found.kind for found in simulation.labels).items())),
        "missing": simulation.missing,
        "seconds": round(seconds, 3),
        "ticks_per_s": round(sum(kinds.values()) / seconds),
        "ticks_file": str(out / "ticks.parquet"),
        "labels_file": str(out / "labels.csv"),
        "reference_file": str(out / "reference.json"),
    }
    if observer is not None:
        # Drawing is only imported where it is asked for.
        from commands.simulate.comparison import page

        text = page(market, observer.result(), recordings)
        (out / "comparison.html").write_text(text, encoding="utf-8")
        summary["comparison_file"] = str(out / "comparison.html")
    click.echo(json.dumps(summary) if as_json else _text(summary, simulation))


def _audit(market: Market, faults: Faults, *, as_json: bool) -> None:
    """Print what the format of corrupted ticks gives away, by kind."""
    # scikit-learn takes a second to import, and a simulation has no use for it.
    from commands.simulate.fault_audit import audit_faults, table

    found = audit_faults(market, faults, lambda line: click.echo(line, err=True))
    click.echo(json.dumps({"kinds": {one.kind: one.as_dict() for one in found}}) if as_json else table(found))


def _published(summary: dict[str, Any], seconds: float, simulation: Simulation, *, as_json: bool) -> str:
    labels = summary.pop("labels")
    summary["episodes"] = dict(sorted(Counter(found.kind for found in labels).items()))
    summary |= {"missing": simulation.missing, "seconds": round(seconds, 3), "ticks_per_s": round(summary["ticks"] / seconds)}
    if as_json:
        return json.dumps(summary)
    return (
        f"{summary['ticks']:,} ticks in {summary['messages']:,} records to {summary['topic']} in {summary['seconds']} s: "
        f"{summary['ticks_per_s']:,} ticks/s; {summary['broken']} broken payloads, {summary['lost']:,} ticks lost with them\n"
        f"{len(labels)} labels: {summary.get('labels_file', 'nowhere')}"
    )


def _watched(simulation: Simulation, market: Market, observer: Observer | None) -> Iterator[Ticks]:
    """Yield the batches, with a progress bar on standard error if that is a terminal."""
    for batch in _shown(simulation, market):
        if observer is not None:
            observer.step(batch)
        yield batch


def _shown(simulation: Simulation, market: Market) -> Iterator[Ticks]:
    if not sys.stderr.isatty():
        yield from simulation
        return
    columns = TextColumn("simulating"), BarColumn(), TextColumn("{task.fields[ticks]:,} ticks"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=market.end_ns - market.start_ns, ticks=0)
        ticks = 0
        for batch in simulation:
            ticks += len(batch)
            progress.update(task, completed=int(batch.rows["ts_recv"][-1]) - market.start_ns, ticks=ticks)
            yield batch


def _text(summary: dict[str, object], simulation: Simulation) -> str:
    faults = sum(not found.is_genuine for found in simulation.labels)
    lines = [
        f"{summary['ticks']:,} ticks in {summary['seconds']} s: {summary['ticks_file']}",
        f"{faults} episodes of faults, {len(simulation.labels) - faults} labels of genuine events: {summary['labels_file']}",
    ]
    if "comparison_file" in summary:
        lines.append(f"next to the recording: {summary['comparison_file']}")
    missing = [f"{name} {count}" for name, count in simulation.missing.items() if name not in simulation.unfit]
    if missing:
        lines.append(f"no place for: {', '.join(missing)}; a longer stream has more room")
    if simulation.unfit:
        lines.append(f"not in this feed, which lacks what they need: {', '.join(sorted(simulation.unfit))}")
    return "\n".join(lines)
