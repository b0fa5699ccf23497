"""Plots from statistics, a row a second: how many ticks came, how late they were, and the whole scan at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reports import canvas
from reports.canvas import Floats, Frame
from reports.codes import entry
from reports.ticks_plot import WIDTH, Drawing
from tickproof.codes.code import Plot
from tickproof.findings.incident import SEVERITIES, Incident
from tickproof.ticks.rfc3339 import iso, span
from tickproof.ticks.schema import UNITS_PER_ONE

SECOND_NS = 1_000_000_000
MOST_BARS = 180
HEIGHT, LANE = 190.0, 110.0


def draw(incident: Incident, seconds: pa.Table, scan: tuple[int, int]) -> Drawing | None:
    """Plot ticks a second of an incident's scope, or its latency if it is about latency; None without rows.

    `scan` is when the scan began and ended: before and after, no ticks means nothing.
    """
    length = incident.last_ts - incident.first_ts
    pad = max(30 * SECOND_NS, length // 3)
    start = min(max(incident.first_ts - pad, scan[0]), incident.first_ts)
    end = max(min(incident.last_ts + pad, scan[1]), incident.last_ts)
    times = seconds.column("ts").to_numpy()
    near = seconds.filter(pa.array((times >= start) & (times <= end)))
    if not len(near):
        return None
    late = entry(incident.worst.code).plot == Plot.LATENCY and near.column("latency_p99").null_count < len(near)
    drawing = _latency(incident, near, start, end) if late else _rate(incident, near, start, end)
    lost = pc.sum(near.column("lost")).as_py() or 0
    notes = (f"{lost:,} messages are missing in the time shown.",) if lost else ()
    return Drawing(drawing, notes)


def overview(seconds: pa.Table, incidents: Sequence[Incident]) -> Drawing | None:
    """Plot the whole scan: ticks over time, and where incidents of each severity begin; None without statistics."""
    if not len(seconds):
        return None
    times = seconds.column("ts").to_numpy()
    start, end = int(times.min()) - SECOND_NS, int(times.max())
    edges, counts = _binned(times, seconds.column("ticks").to_numpy(), start, end)
    rates = counts / (np.diff(edges) / SECOND_NS)
    lanes = 16.0 * len(SEVERITIES)
    frame = Frame(WIDTH, 180.0 + lanes, start, end, 0.0, max(float(rates.max()) * 1.08, 1.0), bottom=24.0 + lanes)
    parts = [canvas.axes(frame, ""), _bars(frame, edges, rates)]
    for lane, severity in enumerate(reversed(SEVERITIES)):
        y = frame.height - lanes + 16.0 * lane + 9.0
        starts = [incident.first_ts for incident in incidents if incident.severity is severity]
        parts.append(f'<text class="tick end" x="{frame.left - 6:g}" y="{y + 3:g}">{severity.value}</text>')
        spots = sorted({round(value, 0) for value in frame.x(np.array(starts, np.int64)).tolist()}) if starts else []
        path = "".join(f"M{x:g} {y - 5:g}v10" for x in spots)
        parts.append(f'<path class="lane {severity.value}" d="{path}"/>' if path else "")
    return Drawing(canvas.svg(frame, "Ticks a second over the whole scan, and where incidents begin", parts))


def statistics(seconds: pa.Table) -> Drawing | None:
    """Plot one symbol on one venue: mid, spread, volatility and ticks by second; None without a two-sided quote.

    `seconds` are rows of one scope by time. Where seconds are missing nothing came, and the line says what was known.
    """
    known = seconds.filter(pc.is_valid(seconds.column("mid")))
    if not len(known):
        return None
    # A row at t holds (t − 1 s, t].
    times = known.column("ts").to_numpy() - SECOND_NS
    start, end = int(times.min()), int(seconds.column("ts").to_numpy().max())
    edges, counts = _binned(seconds.column("ts").to_numpy(), seconds.column("ticks").to_numpy(), start, end)
    mid, spread = (known.column(name).to_numpy() / UNITS_PER_ONE for name in ("mid", "spread"))
    volatility = 1e4 * known.column("volatility").to_numpy()
    lanes = [
        ("mid", "bid", mid, float(mid.min())),
        ("spread", "ask", spread, 0.0),
        ("volatility, bp/√s", "latency_p99", volatility, 0.0),
    ]
    parts, top = [], 0.0
    for unit, style, values, low in lanes:
        high = float(values.max())
        pad = 0.08 * (high - low) or 0.01 * abs(high) or 1.0
        frame = Frame(WIDTH, top + LANE, start, end, low - pad * (low != 0.0), high + pad, top=top + 18.0, bottom=20.0)
        parts += [canvas.axes(frame, unit), canvas.line(canvas.steps(frame, times, values), style)]
        top += LANE
    rates = counts / (np.diff(edges) / SECOND_NS)
    frame = Frame(WIDTH, top + LANE, start, end, 0.0, max(float(rates.max()) * 1.08, 1.0), top=top + 18.0, bottom=24.0)
    parts += [canvas.axes(frame, "ticks/s"), _bars(frame, edges, rates)]
    return Drawing(canvas.svg(frame, "Mid, spread, volatility and ticks of each second", parts))


def _rate(incident: Incident, seconds: pa.Table, start: int, end: int) -> str:
    edges, counts = _binned(seconds.column("ts").to_numpy(), seconds.column("ticks").to_numpy(), start, end)
    rates = counts / (np.diff(edges) / SECOND_NS)
    frame = Frame(WIDTH, HEIGHT, start, end, 0.0, max(float(rates.max()) * 1.08, 1.0))
    lost_at = seconds.filter(pc.greater(pc.fill_null(seconds.column("lost"), 0), 0)).column("ts").to_numpy()
    floor = frame.height - frame.bottom
    gaps = "".join(f"M{x:.1f} {frame.top:g}V{floor:g}" for x in frame.x(lost_at - SECOND_NS // 2).tolist())
    parts = [
        canvas.shade(frame, incident.first_ts, incident.last_ts, "window"),
        canvas.axes(frame, "ticks/s"),
        _bars(frame, edges, rates),
        f'<path class="gap" d="{gaps}"/>' if gaps else "",
    ]
    return canvas.svg(frame, "Ticks a second", parts)


def _latency(incident: Incident, seconds: pa.Table, start: int, end: int) -> str:
    lines: list[tuple[str, npt.NDArray[np.int64], Floats]] = []
    for name in ("latency_p50", "latency_p99"):
        known = seconds.filter(pc.is_valid(seconds.column(name)))
        # A row at t holds (t − 1 s, t].
        lines.append((name, known.column("ts").to_numpy() - SECOND_NS, known.column(name).to_numpy() / 1e6))
    top = max(float(values.max()) for _, _, values in lines if len(values))
    frame = Frame(WIDTH, HEIGHT, start, end, 0.0, top * 1.08)
    parts = [canvas.shade(frame, incident.first_ts, incident.last_ts, "window"), canvas.axes(frame, "ms")]
    parts += [canvas.line(canvas.steps(frame, times, values), name) for name, times, values in lines]
    return canvas.svg(frame, "Latency, median and 99 %", parts)


def _binned(
    times: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], start: int, end: int
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return edges of whole seconds, and counts between them. A row at t holds (t − 1 s, t]."""
    first = start // SECOND_NS
    length = max(-(-end // SECOND_NS) - first, 1)
    width = -(-length // MOST_BARS)
    bars = -(-length // width)
    place = np.clip((times // SECOND_NS - 1 - first) // width, 0, bars - 1)
    edges = (first + width * np.arange(bars + 1, dtype=np.int64)) * SECOND_NS
    return edges, np.bincount(place, weights=counts, minlength=bars).astype(np.float64)


def _bars(frame: Frame, edges: npt.NDArray[np.int64], rates: Floats) -> str:
    x, y = frame.x(edges), frame.y(rates)
    floor = frame.height - frame.bottom
    path = "".join(
        f"M{a:.1f} {floor:g}V{top:.1f}H{b:.1f}V{floor:g}z"
        for a, b, top, rate in zip(x[:-1].tolist(), x[1:].tolist(), y.tolist(), rates.tolist(), strict=True)
        if rate > 0
    )
    return f'<path class="bars" d="{path}"/>'


def caption(incident: Incident) -> str:
    """Describe when an incident was, and for how long."""
    length = incident.last_ts - incident.first_ts
    return iso(incident.first_ts, 6) + (f" for {span(length)}" if length else "")
