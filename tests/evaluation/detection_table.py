"""Recall and false alarms on one simulated day, by kind, held against the table that is checked in.

The day is four short parts of the three kinds of market, with every fault of the simulator; what only a broken payload can have
(`payload_unreadable`, `schema_changed`) is not among them. It is scored with the rules alone and with the model that ships. Rows
are counts, so that nothing is compared within a tolerance:

    model, market, measure, kind, count, total
    found:   faults of the kind that were found, of those in the day
    false:   false alarms by who raised them (rules, model, finding), of the ticks of kinds 0 to 3
    called:  genuine events of the kind that were called corrupt or anomalous, of those in the day

A row that is worse fails `tests/evaluation/test_detection.py`; `make detection-table` writes the table anew.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
import pyarrow as pa

from jobs.offline.scan import run
from jobs.pipeline.settings import PipelineSettings, pipeline_settings
from models.evaluation.evaluate import Run, evaluate
from models.evaluation.results import Evaluation
from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.market.reference import reference
from producers.simulation.day import simulate_all
from producers.streams.heartbeats import Heartbeats
from tickproof.findings.finding import verdict_columns
from tickproof.reference.data import parse
from tickproof.settings import Settings
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NS_PER_SECOND, Ticks, concat

PATH = Path(__file__).with_name("detection_table.csv")
RENEW = "make detection-table"
WHEN_WORSE = f"If this is meant, renew the table with `{RENEW}`, commit it, and say why in the commit and in CHANGELOG.md."
WHEN_BETTER = f"`{RENEW}` renews the table, so that this is not lost again."
MODELS = ("none", "default")
CLOSING_NS = 1_709_686_680 * NS_PER_SECOND
"""2024-03-06T00:58:00Z, two minutes before the end of the late session in New York."""
COLUMNS = ("model", "market", "measure", "kind", "count", "total")
Measure = Literal["found", "false", "called"]


class Key(NamedTuple):
    """What a row of the table counts."""

    model: str
    market: str
    measure: Measure
    kind: str


class Count(NamedTuple):
    """How many, of how many."""

    count: int
    total: int


Table = dict[Key, Count]


class Part(NamedTuple):
    """A part of the day: a market and the faults in it."""

    market: Market
    faults: Faults


MARKETS: dict[str, Part] = {
    "us-equity": Part(Market(seed=91, minutes=4.0, symbols=24, peak_rate=25.0), Faults(seed=91, per_kind=4)),
    # The last two minutes of a session, and the first two after it.
    "us-equity close": Part(
        Market(seed=92, minutes=4.0, symbols=24, peak_rate=25.0, start_ns=CLOSING_NS),
        Faults(seed=92, per_kind=4, names=("out_of_session",)),
    ),
    "fx": Part(Market(seed=93, profile="fx", minutes=4.0, symbols=24, peak_rate=60.0), Faults(seed=93, per_kind=4)),
    "crypto": Part(Market(seed=94, profile="crypto", minutes=3.0, symbols=24, peak_rate=25.0), Faults(seed=94, per_kind=4)),
}
"""Name -> part of the day. No seed of training is among them: those are drawn from the family "train"."""


class Changes(NamedTuple):
    """How one table differs from another: lines to show."""

    worse: list[str]
    better: list[str]
    other: list[str]


def measured() -> Table:
    """Return the counts of the whole day, by every model and market."""
    table: Table = {}
    for market, part in MARKETS.items():
        ticks, labels = simulate_all(*part)
        known = parse(reference(part.market, labels), market)
        for model in MODELS:
            settings = pipeline_settings(Settings(model=model)).opened()
            table |= counts(model, market, evaluate(scored(ticks, settings.with_reference(known)), labels))
    return table


def scored(ticks: Ticks, settings: PipelineSettings) -> Run:
    """Score a stream as `scan` does, and return it ready to be evaluated."""
    parts = list(run([ticks], settings, Heartbeats(1)))
    blocks = [block for part in parts for block in part.blocks]
    verdicts = verdict_columns(np.concatenate([verdicts for _, verdicts in blocks]))
    table = pa.Table.from_batches([to_arrow(concat([ticks for ticks, _ in blocks]), verdicts)])
    return Run.of(table, [finding for part in parts for finding in part.findings])


def counts(model: str, market: str, result: Evaluation) -> Table:
    """Return the rows of one evaluation."""
    false = result.false_alarms
    raised = {"rules": false.ticks_by_rules, "model": false.ticks_by_model, "finding": false.findings}
    return {
        **{Key(model, market, "found", row.kind): Count(row.found, row.episodes) for row in result.kinds},
        **{Key(model, market, "false", name): Count(count, false.denominator) for name, count in raised.items()},
        **{Key(model, market, "called", row.kind): Count(row.called, row.episodes) for row in result.genuine},
    }


def changes(before: Table, after: Table) -> Changes:
    """Compare two tables: what became worse, what became better, and rows that do not describe the same day."""
    found = Changes([], [], [])
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        line = f"{key.model:8} {key.market:16} {key.measure:7} {key.kind:24} {_shown(old)} -> {_shown(new)}"
        if old is None or new is None or old.total != new.total:
            found.other.append(line)
        elif (new.count < old.count) == (key.measure == "found"):
            found.worse.append(line)
        else:
            found.better.append(line)
    return found


def report(found: Changes) -> str:
    """Return what fails the gate, before and after; empty if nothing does."""
    lines = []
    if found.worse:
        lines += [f"Worse than {PATH.name} (model, market, measure, kind, before -> after):", *found.worse]
    if found.other:
        lines += [f"Not the day of {PATH.name}: the simulator or its labels changed:", *found.other]
    return "\n".join([*lines, WHEN_WORSE]) if lines else ""


def _shown(count: Count | None) -> str:
    return "none" if count is None else f"{count.count}/{count.total}"


def to_csv(table: Table) -> str:
    """Return the table as CSV, by model, market, measure and kind."""
    rows = [",".join(map(str, (*key, *table[key]))) for key in sorted(table)]
    return "\n".join([",".join(COLUMNS), *rows]) + "\n"


def from_csv(text: str) -> Table:
    """Read what `to_csv` wrote."""
    rows = csv.DictReader(text.splitlines())
    return {
        Key(row["model"], row["market"], cast(Measure, row["measure"]), row["kind"]): Count(int(row["count"]), int(row["total"]))
        for row in rows
    }


def main() -> None:
    """Write the table anew, and print what changed."""
    before = from_csv(PATH.read_text(encoding="ascii")) if PATH.exists() else {}
    after = measured()
    for name, lines in changes(before, after)._asdict().items():
        for line in lines:
            print(f"{name:7}{line}")
    PATH.write_text(to_csv(after), encoding="ascii")
    print(f"{len(after)} rows in {PATH.name}")


if __name__ == "__main__":
    main()
