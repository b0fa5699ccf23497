"""A page that compares a simulated day with a recorded one: charts with a curve each, and a table of stylised facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.chart import Chart
from reports.html import templates


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact of the table; None where a stream has too little data."""

    name: str
    formula: str
    source: str
    low: float
    high: float
    simulated: float | None
    recorded: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The contents of the page.

    Parameters
    ----------
    simulated, recorded : str
        Descriptions of the two streams.
    command : str
        The command that makes the page.
    charts : sequence of Chart
        Curves of the styles `simulated`, `recorded` and `other`.
    facts : sequence of FactRow
    """

    simulated: str
    recorded: str
    command: str
    charts: Sequence[Chart]
    facts: Sequence[FactRow]


def render(comparison: Comparison) -> str:
    """Return the page as HTML, which loads nothing and runs nothing."""
    return templates().get_template("comparison.html.j2").render(page=comparison)
