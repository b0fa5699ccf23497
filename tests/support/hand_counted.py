"""Scored streams, labels and findings small enough to count by hand. Times are in seconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.evaluation.evaluate import Run
from tickproof.findings.finding import BY_NAME, VERDICTS, Class, Finding, Severity
from tickproof.findings.label import Label
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NAMES, NS_PER_SECOND, ROW, Ticks

SPIKE = 1 << BY_NAME["spike"].bit
LOCKED = 1 << BY_NAME["locked"].bit
"""An information code: it gives no quality by itself."""


def ns(seconds):
    return round(seconds * NS_PER_SECOND)


def tick(at, quality=0, score=0.0, reasons=0, symbol="A", venue="X", channel="X.1", kind=0):
    return at, quality, score, reasons, symbol, venue, channel, kind


def ticks_of(rows):
    names: dict[str, int] = {}
    out = np.zeros(len(rows), ROW)
    for index, (at, *_, symbol, venue, channel, kind) in enumerate(rows):
        out["ts_recv"][index], out["kind"][index] = ns(at), kind
        for column, name in zip(NAMES, (channel, venue, symbol), strict=True):
            out[column][index] = -1 if name is None else names.setdefault(name, len(names))
    return Ticks(out, tuple(names))


def table_of(rows):
    verdicts = {name: np.zeros(len(rows), kind) for name, kind in VERDICTS.items()}
    for name, place in (("final_quality", 1), ("final_score", 2), ("final_reasons", 3)):
        verdicts[name][:] = [row[place] for row in rows]
    return pa.Table.from_batches([to_arrow(ticks_of(rows), verdicts)])


def run_of(rows, findings=()):
    return Run.of(table_of(rows), findings)


def label(onset, end, effect_end=None, kind="spike", symbol="A", venue="X", channel="X.1", scope="symbol"):
    times = ns(onset), ns(end), ns(end if effect_end is None else effect_end)
    return Label(f"{kind}-{onset}-{symbol}", kind, scope, channel, venue, symbol if scope == "symbol" else "", *times, 1.0)


def finding(at, symbol=None, venue=None, channel="X.1", code="sequence_gap", **changes):
    fields = {
        "id": f"{code}-{at}-{channel}-{symbol}",
        "class_": Class.FEED_ANOMALY,
        "severity": Severity.CRITICAL,
        "feed": "X",
        "first_ts": ns(at),
        "last_ts": ns(at),
        "detected_at": ns(at),
        "score": 99.0,
    }
    return Finding(code=code, channel=channel, venue=venue, symbol=symbol, **{**fields, **changes})
