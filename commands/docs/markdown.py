"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTICE = "Made by `tickproof docs` from `{source}`; change it there and run the command again."
"""Second line of every page."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, with a line end after each row; vertical bars in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
