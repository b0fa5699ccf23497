"""Arbitrary ticks for property tests, and what two batches of ticks have to have in common to be the same."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tickproof.ticks.schema import NAMES, NULLABLE, ROW, SCHEMA, Kind, Ticks

_INT64 = st.integers(-(2**63), 2**63 - 1)
_EDGES = st.sampled_from([0, 1, -1, 10**9, 2**63 - 1, -(2**63)])
_NUMBERS = {
    "sequence": st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**63, 2**64 - 1]),
    "conditions": st.integers(0, 2**32 - 1),
    "kind": st.sampled_from(Kind).map(int),
    "flags": st.integers(0, 255),
}
_WORDS = st.text(st.characters(codec="utf-8"), max_size=12)


@st.composite
def ticks(draw: st.DrawFn, *, channels: int = 1, most: int = 12) -> Ticks:
    """Up to `most` ticks on `channels` channels: nulls, the ends of the integers, names of any Unicode."""
    count = draw(st.integers(1, most))
    names = draw(st.lists(_WORDS, min_size=channels, max_size=channels + 4, unique=True))
    rows = np.zeros(count, ROW)
    for name in (field.name for field in SCHEMA if field.name not in NAMES):
        values = draw(st.lists(_NUMBERS.get(name, _INT64 | _EDGES), min_size=count, max_size=count))
        rows[name] = np.array(values, ROW[name])
    rows["present"] = draw(st.lists(st.integers(0, sum(NULLABLE.values())), min_size=count, max_size=count))
    for name, bit in NULLABLE.items():
        rows[name][(rows["present"] & bit) == 0] = 0
    rows["channel"] = draw(st.lists(st.integers(0, channels - 1), min_size=count, max_size=count))
    rows["venue"] = draw(st.lists(st.integers(0, len(names) - 1), min_size=count, max_size=count))
    rows["symbol"] = draw(st.lists(st.integers(-1, len(names) - 1), min_size=count, max_size=count))
    return Ticks(rows, tuple(names))


def plain(batch: Ticks) -> list[dict[str, object]]:
    """The ticks as one dictionary each, nulls as None: two batches are the same when these are equal."""
    return [
        {
            field.name: batch.name(int(row[field.name]))
            if field.name in NAMES
            else None
            if field.name in NULLABLE and not row["present"] & NULLABLE[field.name]
            else int(row[field.name])
            for field in SCHEMA
        }
        for row in batch.rows
    ]


def example(count: int = 8, channel: str = "XNAS.A") -> Ticks:
    """A few ordinary quotes and trades."""
    rows = np.zeros(count, ROW)
    index = np.arange(count)
    is_trade = index % 3 == 2
    rows["ts_recv"] = 1_700_000_000_000_000_000 + index * 1_000_000
    rows["ts_event"] = rows["ts_recv"] - 50_000
    rows["sequence"] = 1_000 + index
    rows["kind"] = np.where(is_trade, Kind.TRADE, Kind.QUOTE)
    for name in ("bid_px", "ask_px"):
        rows[name] = np.where(is_trade, 0, 189_230_000_000 + index * 10_000_000)
    for name in ("bid_sz", "ask_sz"):
        rows[name] = np.where(is_trade, 0, 100_000_000_000)
    rows["price"] = np.where(is_trade, 189_235_000_000, 0)
    rows["size"] = np.where(is_trade, 25_000_000_000, 0)
    rows["trade_id"] = np.where(is_trade, index, 0)
    quote = ("ts_event", "sequence", "bid_px", "bid_sz", "ask_px", "ask_sz")
    trade = ("ts_event", "sequence", "price", "size", "trade_id")
    rows["present"] = np.where(is_trade, sum(NULLABLE[name] for name in trade), sum(NULLABLE[name] for name in quote))
    rows["venue"] = 1
    rows["symbol"] = 2 + index % 2
    return Ticks(rows, (channel, "XNAS", "AAPL", "MSFT"))
