"""A plot of the ticks around an incident: quotes, trades, other venues, and the verdict on each tick."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reports import canvas
from reports.canvas import Floats, Frame
from reports.selection import core
from tickproof.findings.finding import Quality, mask, names_of
from tickproof.findings.incident import Incident
from tickproof.ticks.rfc3339 import iso
from tickproof.ticks.schema import UNITS_PER_ONE, Kind

PADS_NS = tuple(seconds * 1_000_000_000 for seconds in (1, 2, 5, 10, 30, 60, 300, 1800))
ENOUGH_TICKS = 80
"""A plot is widened until it shows this many ticks of the instrument, or everything that was read."""
STUB_SHARE = 0.03
FLATTEST = 15.0
"""Flagged prices are drawn to scale as long as the usual prices keep this share of the plot's height."""
MOST_VENUES = 12
MOST_MARKS = 150
WIDTH, HEIGHT = 920.0, 270.0
LABEL_WIDTH = 90.0
_EXPLAINED = np.uint64(mask(["explained_print"]))
_MARKS = {
    Quality.SUSPECT: ("suspect", "ring"),
    Quality.CORRUPT: ("corrupt", "cross"),
    Quality.MARKET_EVENT: ("event", "diamond"),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot and the notes that explain it."""

    svg: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Columns of an excerpt; prices are NaN where a tick has none."""

    times: npt.NDArray[np.int64]
    venues: npt.NDArray[np.object_]
    kinds: npt.NDArray[np.uint8]
    bid: Floats
    ask: Floats
    price: Floats
    quality: npt.NDArray[np.uint8]
    score: Floats
    reasons: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, table: pa.Table) -> _Ticks:
        """Take over a table's columns."""
        return cls(
            table.column("ts_recv").to_numpy(),
            np.array(table.column("venue").to_pylist(), object),
            table.column("kind").to_numpy(),
            _price(table, "bid_px"),
            _price(table, "ask_px"),
            _price(table, "price"),
            table.column("final_quality").to_numpy(),
            table.column("final_score").to_numpy().astype(np.float64),
            table.column("final_reasons").to_numpy(),
        )

    def take(self, keep: npt.NDArray[np.bool_]) -> _Ticks:
        """Return some of the ticks."""
        return _Ticks(**{column.name: getattr(self, column.name)[keep] for column in fields(self)})

    @property
    def middle(self) -> Floats:
        """Return the mid of two-sided quotes, the price of trades, NaN otherwise."""
        return np.where(self.kinds == Kind.QUOTE, 0.5 * (self.bid + self.ask), self.price)

    @property
    def values(self) -> Floats:
        """Return all prices, one after the other."""
        return np.concatenate([self.bid, self.ask, self.price])


def draw(incident: Incident, table: pa.Table, reach_ns: int) -> Drawing | None:
    """Plot an incident from the ticks of its symbol, read so far on both sides.

    Return None if its venue has no priced tick there.
    """
    ticks = _Ticks.of(table)
    mine = ticks.venues == (incident.venue or "")
    own = ticks.take(mine & (ticks.kinds <= Kind.TRADE_CORRECTION))
    if not np.isfinite(own.values).any():
        return None
    first, last, whole = core(incident)
    pad = _pad(own.times, (first, last), reach_ns)
    start, end = first - pad, last + pad
    own = own.take((own.times >= start) & (own.times <= end))
    near = ticks.take(~mine & (ticks.times >= start) & (ticks.times <= end) & (ticks.quality != Quality.CORRUPT))
    low, high = _range(own, near, incident.worst.reference if incident.worst.unit == "price" else None)
    frame = Frame(WIDTH, HEIGHT, start, end, low, high)
    parts = [canvas.shade(frame, max(incident.first_ts, start), min(incident.last_ts, end), "window"), canvas.axes(frame, "")]
    venues = sorted(set(near.venues.tolist()))
    for venue in venues[:MOST_VENUES]:
        parts.append(_others(frame, near.take(near.venues == venue)))
    parts += [_usual(frame, incident), *_own(frame, own)]
    marks, beyond = _marks(frame, own)
    notes = []
    if not whole:
        notes.append(f"The incident goes on for longer: from {iso(incident.first_ts)} to {iso(incident.last_ts)}.")
    if len(venues) > MOST_VENUES:
        notes.append(f"Of {len(venues)} other venues {MOST_VENUES} are drawn.")
    if beyond:
        notes.append(f"Drawn at the edge, because beyond the plot: {beyond} {'price' if beyond == 1 else 'prices'}.")
    return Drawing(canvas.svg(frame, f"Prices of {incident.symbol} on {incident.venue}", [*parts, *marks]), tuple(notes))


def _price(table: pa.Table, name: str) -> Floats:
    values = table.column(name).cast(pa.float64(), safe=False).to_numpy()
    return np.asarray(values, np.float64) / UNITS_PER_ONE


def _pad(times: npt.NDArray[np.int64], about: tuple[int, int], reach_ns: int) -> int:
    """Return how far to show on both sides: as little as shows enough ticks, and at least half the incident."""
    first, last = about
    least = (last - first) // 2
    for pad in (pad for pad in PADS_NS if pad <= reach_ns):
        if pad >= least and int(((times >= first - pad) & (times <= last + pad)).sum()) >= ENOUGH_TICKS:
            return pad
    return reach_ns


def _range(own: _Ticks, near: _Ticks, level: float | None) -> tuple[float, float]:
    """Return the price range: the usual prices of both sides, and flagged ones unless they would flatten those."""
    usual = own.take((own.quality != Quality.CORRUPT) & ((own.reasons & _EXPLAINED) == 0))
    values = np.concatenate([usual.values, near.middle])
    values = values[np.isfinite(values)]
    if not len(values):
        values = own.values[np.isfinite(own.values)]
    centre = float(np.median(values))
    # Stub quotes are far off; a few odd prints must not flatten all others.
    kept = values[np.abs(values - centre) <= max(10.0 * float(np.median(np.abs(values - centre))), STUB_SHARE * abs(centre))]
    low, high = (float(edge) for edge in np.quantile(kept, (0.005, 0.995)))
    size = max(high - low, 1e-4 * abs(centre), 1e-9)
    flagged = np.append(own.take(own.quality > Quality.GOOD).values, np.nan if level is None else level)
    for value in np.sort(flagged[np.isfinite(flagged)]).tolist():
        if max(high, value) - min(low, value) <= FLATTEST * size:
            low, high = min(low, value), max(high, value)
    pad = 0.08 * max(high - low, size)
    return low - pad, high + pad


def _usual(frame: Frame, incident: Incident) -> str:
    """Return the level that the worst finding was compared with, if it is a price within the plot."""
    level = incident.worst.reference
    if incident.worst.unit != "price" or level is None or not frame.low < level < frame.high:
        return ""
    y = float(frame.y(level))
    return f'<path class="usual" d="M{frame.left:g} {y:.1f}H{frame.width - frame.right:g}"/>'


def _own(frame: Frame, own: _Ticks) -> list[str]:
    """Draw quotes as lines, trades as dots."""
    parts = []
    clean = own.take(own.quality != Quality.CORRUPT)
    for side in ("bid", "ask"):
        prices = getattr(clean, side)
        has = (clean.kinds == Kind.QUOTE) & np.isfinite(prices)
        parts.append(canvas.line(canvas.steps(frame, clean.times[has], prices[has]), side))
    traded = (own.kinds != Kind.QUOTE) & np.isfinite(own.price)
    parts.append(canvas.dots(frame.x(own.times[traded]), frame.y(own.price[traded]), "trade"))
    return parts


def _others(frame: Frame, venue: _Ticks) -> str:
    """Draw another venue, faintly."""
    middle = venue.middle
    has = np.isfinite(middle)
    if not has.any():
        return ""
    if (venue.kinds[has] == Kind.QUOTE).any():
        quotes = has & (venue.kinds == Kind.QUOTE)
        return canvas.line(canvas.steps(frame, venue.times[quotes], middle[quotes]), "other")
    return canvas.dots(frame.x(venue.times[has]), frame.y(middle[has]), "other-trade", 1.5)


def _marks(frame: Frame, own: _Ticks) -> tuple[list[str], int]:
    """Draw ticks that are not good, the worst on top, and count their prices beyond the plot."""
    parts: list[str] = []
    beyond = 0
    labelled: list[tuple[bool, float]] = []
    order = sorted(np.flatnonzero(own.quality > Quality.GOOD).tolist(), key=lambda k: (own.quality[k] == Quality.CORRUPT, k))
    for k in order[-MOST_MARKS:]:
        style, shape = _MARKS[Quality(int(own.quality[k]))]
        tip = f"{iso(int(own.times[k]), 9)} {', '.join(names_of(int(own.reasons[k])))} score {own.score[k]:.1f}"
        x = float(frame.x(own.times[k]))
        prices = {name: float(getattr(own, name)[k]) for name in ("bid", "ask", "price")}
        if not np.isfinite(list(prices.values())).any():
            parts.append(canvas.mark(x, frame.height - frame.bottom, style, shape, f"no price at {tip}"))
        for name, value in prices.items():
            if not np.isfinite(value):
                continue
            y = float(frame.y(value))
            parts.append(canvas.mark(x, y, style, shape, f"{name} {value:,.9g} at {tip}"))
            if not frame.low <= value <= frame.high:
                beyond += 1
                above = value > frame.high
                if all(abs(x - other) > LABEL_WIDTH or above != side for side, other in labelled):
                    labelled.append((above, x))
                    parts.append(_label(frame, x, value))
    return parts, beyond


def _label(frame: Frame, x: float, value: float) -> str:
    above = value > frame.high
    y = frame.top + 16 if above else frame.height - frame.bottom - 10
    left = x > frame.width - 120
    anchor, offset = ("end", -9) if left else ("", 9)
    return f'<text class="beyond {anchor}" x="{x + offset:.1f}" y="{y:g}">{"▲" if above else "▼"} {value:,.9g}</text>'
