"""Charts of one number over another, linear or logarithmic; plots over time are in `reports/canvas.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

import numpy as np

from reports import canvas
from reports.canvas import Floats

WIDTH, HEIGHT = 500.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 60.0, 12.0, 24.0, 42.0


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: its name in the legend, its CSS class, and its points; points that are not finite are left out."""

    name: str
    style: str
    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Parameters
    ----------
    title, note : str
        Above and below it.
    x_unit, y_unit : str
        What its axes count.
    curves : tuple of Curve
    log_x, log_y : bool
        Logarithmic axes; values that are not positive are left out.
    """

    title: str
    note: str
    x_unit: str
    y_unit: str
    curves: tuple[Curve, ...]
    log_x: bool = False
    log_y: bool = False

    def svg(self) -> str:
        """Return the chart as SVG text."""
        kept = [_shown(curve, self.log_x, self.log_y) for curve in self.curves]
        x_axis = _Axis.over([x for x, _ in kept], self.log_x, LEFT, WIDTH - RIGHT)
        y_axis = _Axis.over([y for _, y in kept], self.log_y, HEIGHT - BOTTOM, TOP)
        parts = []
        for value, label in y_axis.marks():
            down = float(y_axis.place(np.array([value]))[0])
            parts.append(f'<path class="grid" d="M{LEFT:g} {down:.1f}H{WIDTH - RIGHT:g}"/>')
            parts.append(f'<text class="tick end" x="{LEFT - 6:g}" y="{down + 5:.1f}">{label}</text>')
        for value, label in x_axis.marks():
            right = float(x_axis.place(np.array([value]))[0])
            parts.append(f'<path class="grid" d="M{right:.1f} {TOP:g}V{HEIGHT - BOTTOM:g}"/>')
            parts.append(f'<text class="tick middle" x="{right:.1f}" y="{HEIGHT - BOTTOM + 17:g}">{label}</text>')
        parts.append(f'<text class="tick" x="{LEFT:g}" y="{TOP - 7:g}">{escape(self.y_unit)}</text>')
        parts.append(f'<text class="tick end" x="{WIDTH - RIGHT:g}" y="{HEIGHT - 5:g}">{escape(self.x_unit)}</text>')
        for curve, (x, y) in zip(self.curves, kept, strict=True):
            corners = list(zip(x_axis.place(x).tolist(), y_axis.place(y).tolist(), strict=True))
            parts.append(canvas.line(corners, f"curve {curve.style}"))
        view = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}"'
        return f'<svg class="plot" role="img" {view}><title>{escape(self.title)}</title>{"".join(parts)}</svg>'


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values from `low` to `high` (logarithms to base 10 where `is_log`) on pixels from `first` to `last`."""

    low: float
    high: float
    is_log: bool
    first: float
    last: float

    @classmethod
    def over(cls, values: list[Floats], is_log: bool, first: float, last: float) -> _Axis:
        every = np.concatenate([*values, np.zeros(0)])
        if not len(every):
            return cls(0.0, 1.0, False, first, last)
        scaled = np.log10(every) if is_log else every
        low, high = float(scaled.min()), float(scaled.max())
        room = 0.04 * (high - low) or 0.5
        return cls(low - room, high + room, is_log, first, last)

    def place(self, values: Floats) -> Floats:
        """Return the pixels of values."""
        scaled = np.log10(values) if self.is_log else values
        share = (scaled - self.low) / (self.high - self.low)
        return np.asarray(self.first + (self.last - self.first) * share, np.float64)

    def marks(self) -> list[tuple[float, str]]:
        """Return round values and their labels."""
        if not self.is_log:
            values = canvas.nice(self.low, self.high)
            decimals = canvas.decimals_of(values)
            return [(value, f"{value:,.{decimals}f}".replace("-", "−")) for value in values]
        steps = (1.0,) if self.high - self.low > 2.5 else (1.0, 2.0, 5.0)
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        every = [step * 10.0**power for power in powers for step in steps]
        return [(value, f"{value:g}") for value in every if self.low <= math.log10(value) <= self.high]


def _shown(curve: Curve, log_x: bool, log_y: bool) -> tuple[Floats, Floats]:
    keep = np.isfinite(curve.x) & np.isfinite(curve.y)
    keep &= (curve.x > 0) | (not log_x)
    keep &= (curve.y > 0) | (not log_y)
    return curve.x[keep], curve.y[keep]
