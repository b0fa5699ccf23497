"""Drawing of plots as SVG text: scales, axes, marks. Colours are CSS classes, so that a plot follows the page's light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from tickproof.ticks.rfc3339 import iso

Floats = npt.NDArray[np.float64]
_STEPS_NS = [
    step * unit
    for unit, steps in (
        (1_000, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1_000_000, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1_000_000_000, (1, 2, 5, 10, 15, 30)),
        (60_000_000_000, (1, 2, 5, 10, 15, 30)),
        (3_600_000_000_000, (1, 2, 3, 6, 12)),
        (86_400_000_000_000, (1, 2, 7, 14, 30, 90, 365, 3650)),
    )
    for step in steps
]


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot's inner rectangle and the values and times of its edges (`start_ns`, `end_ns`).

    Values beyond the edges are drawn at the edge.
    """

    width: float
    height: float
    start_ns: int
    end_ns: int
    low: float
    high: float
    left: float = 72.0
    top: float = 16.0
    right: float = 12.0
    bottom: float = 24.0

    def x(self, times_ns: npt.ArrayLike) -> Floats:
        """Return the pixels of times."""
        inner = self.width - self.left - self.right
        # In integers first: float64 has 53 bits, and a time in ns of today needs 61.
        share = (np.asarray(times_ns, np.int64) - self.start_ns) / max(self.end_ns - self.start_ns, 1)
        return np.asarray(self.left + inner * np.clip(share, 0.0, 1.0), np.float64)

    def y(self, values: npt.ArrayLike) -> Floats:
        """Return the pixels of values."""
        inner = self.height - self.top - self.bottom
        share = (np.asarray(values, np.float64) - self.low) / max(self.high - self.low, 1e-300)
        return np.asarray(self.height - self.bottom - inner * np.clip(share, 0.0, 1.0), np.float64)


def svg(frame: Frame, title: str, parts: Iterable[str]) -> str:
    """Return a whole drawing."""
    size = f'viewBox="0 0 {frame.width:g} {frame.height:g}"'
    return f'<svg class="plot" role="img" {size}><title>{escape(title)}</title>{"".join(parts)}</svg>'


def axes(frame: Frame, unit: str) -> str:
    """Draw grid lines and labels of both axes."""
    out = []
    right = frame.width - frame.right
    floor = frame.height - frame.bottom
    values = nice(frame.low, frame.high)
    decimals = decimals_of(values)
    for value in values:
        y = float(frame.y(value))
        out.append(f'<path class="grid" d="M{frame.left:g} {y:.1f}H{right:g}"/>')
        out.append(f'<text class="tick end" x="{frame.left - 6:g}" y="{y + 3.5:.1f}">{value:,.{decimals}f}</text>')
    times = nice_times(frame.start_ns, frame.end_ns)
    step = times[1] - times[0] if len(times) > 1 else frame.end_ns - frame.start_ns
    for time in times:
        x = float(frame.x(time))
        out.append(f'<path class="grid" d="M{x:.1f} {frame.top:g}V{floor:g}"/>')
        out.append(f'<text class="tick middle" x="{x:.1f}" y="{floor + 16:g}">{clock(time, step)}</text>')
    if unit:
        out.append(f'<text class="tick" x="{frame.left:g}" y="{frame.top - 5:g}">{escape(unit)}</text>')
    return "".join(out)


def nice(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return about `count` round values between two others."""
    size = high - low
    if not (math.isfinite(size) and size > 0):
        return [low]
    rough = size / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    values = [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]
    # Far from zero, k × step is no closer than the numbers there lie apart.
    return [value for value in values if low - 1e-9 * size <= value <= high + 1e-9 * size]


def decimals_of(values: list[float]) -> int:
    """Return the number of decimals that distinguish neighbouring values."""
    step = values[1] - values[0] if len(values) > 1 else abs(values[0]) / 100
    return 2 if step <= 0 else min(max(0, -math.floor(math.log10(step) + 1e-9)), 9)


def nice_times(start_ns: int, end_ns: int, wanted: int = 7) -> list[int]:
    """Return round times between two others."""
    rough = max(end_ns - start_ns, 1) / wanted
    step = next((step for step in _STEPS_NS if step >= rough), _STEPS_NS[-1])
    first = -(-start_ns // step) * step
    return list(range(first, end_ns + 1, step))


def clock(time_ns: int, step_ns: int) -> str:
    """Format a time on an axis, as precisely as the step between labels needs."""
    if step_ns >= 86_400_000_000_000:
        return iso(time_ns, 0)[:10]
    if step_ns >= 60_000_000_000:
        return iso(time_ns, 0)[11:16]
    digits = 0 if step_ns >= 1_000_000_000 else 3 if step_ns >= 1_000_000 else 6
    return iso(time_ns, digits)[11:-1]


def steps(frame: Frame, times_ns: npt.NDArray[np.int64], values: Floats) -> list[tuple[float, float]]:
    """Return the corners of a line that holds each value until the next one, thinned to pixel columns."""
    x, y = frame.x(times_ns), frame.y(values)
    keep = thin(x, y)
    corners: list[tuple[float, float]] = []
    for px, py in zip(x[keep].tolist(), y[keep].tolist(), strict=True):
        if corners and corners[-1][1] != py:
            corners.append((px, corners[-1][1]))
        corners.append((px, py))
    if corners and corners[-1][0] < frame.width - frame.right:
        corners.append((frame.width - frame.right, corners[-1][1]))
    return corners


def thin(x: Floats, y: Floats) -> npt.NDArray[np.int64]:
    """Return the points that show: first, lowest, highest and last of each column of pixels."""
    if len(x) <= 800:
        return np.arange(len(x))
    column = x.astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    ends = np.append(starts[1:], len(x))
    kept = {
        k
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        for k in (a, a + int(y[a:b].argmin()), a + int(y[a:b].argmax()), b - 1)
    }
    return np.array(sorted(kept), np.int64)


def line(corners: list[tuple[float, float]], style: str) -> str:
    """Draw a line through points."""
    if not corners:
        return ""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    return f'<path class="{style}" d="M{path}"/>'


def dots(x: Floats, y: Floats, style: str, radius: float = 2.0) -> str:
    """Draw points as one path: a circle for each would make the page several times as large."""
    spots = dict.fromkeys(zip(np.round(x, 0).tolist(), np.round(y, 0).tolist(), strict=True))
    d = f"a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 {-2 * radius} 0"
    path = "".join(f"M{px - radius:g} {py:g}{d}" for px, py in spots)
    return f'<path class="{style}" d="{path}"/>' if path else ""


def shade(frame: Frame, first_ns: int, last_ns: int, style: str) -> str:
    """Draw a band over a period, at least three pixels wide."""
    a, b = (float(value) for value in frame.x([first_ns, last_ns]))
    middle, width = 0.5 * (a + b), max(b - a, 3.0)
    height = frame.height - frame.top - frame.bottom
    return f'<rect class="{style}" x="{middle - width / 2:.1f}" y="{frame.top:g}" width="{width:.1f}" height="{height:g}"/>'


def mark(x: float, y: float, style: str, shape: str, tip: str) -> str:
    """Draw one marked point with a text that shows on hover."""
    paths = {
        "cross": f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8",
        "ring": f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        "diamond": f"M{x:.1f} {y - 5:.1f}l4.5 5l-4.5 5l-4.5 -5z",
    }
    return f'<path class="mark {style}" d="{paths[shape]}"><title>{escape(tip)}</title></path>'
