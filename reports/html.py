"""A report as one HTML file: it loads nothing, runs nothing, prints, and follows the reader's light or dark mode."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.folder import ScanFolder
from reports.page import page
from tickproof.ticks.rfc3339 import iso, span

INCIDENTS_SHOWN = 40
"""Incidents shown in full: more than a person reads, and a page of at most 2 MB."""


def render(folder: Path, *, limit: int = INCIDENTS_SHOWN, recall: Mapping[str, Any] | None = None) -> str:
    """Return the report on a scan's folder.

    Parameters
    ----------
    folder : Path
        As `tickproof scan` writes it.
    limit : int
        Incidents that are shown in full, the worst first.
    recall : mapping, optional
        `models.evaluation.results.Evaluation.to_dict()` of the scan against its labels.

    Raises
    ------
    InputError
        The folder is not a scan's.
    """
    found = page(ScanFolder.open(folder), limit, recall)
    return templates().get_template("report.html.j2").render(page=found)


@lru_cache(maxsize=1)
def templates() -> Environment:
    """Return the templates of this package, with their filters and the style of all pages."""
    environment = Environment(
        loader=PackageLoader("reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"iso": iso, "span": span, "words": _words, "count": _count, "share": _share}
    environment.globals["style"] = Markup((Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8"))
    return environment


def _words(name: str) -> str:
    return name.replace("_", " ")


def _count(value: int) -> str:
    return f"{value:,}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
