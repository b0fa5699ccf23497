"""Forms of times that are text, such as `YYYYMMDD hh:mm:ss.f`, and how such a text becomes ISO 8601.

`YYYY`, `MM` and `DD` are the day, `hh`, `mm` and `ss` the time, `f` a fraction of a second of one to nine digits; anything else
stands for itself. What a form leaves out of the time is 0.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

ISO = "iso"
_PARTS = {
    "YYYY": r"(\d{4})",
    "MM": r"(0[1-9]|1[0-2])",
    "DD": r"(0[1-9]|[12]\d|3[01])",
    "hh": r"([01]\d|2[0-3])",
    "mm": r"([0-5]\d)",
    "ss": r"([0-5]\d)",
    "f": r"(\d{1,9})",
}
_TOKEN = re.compile("|".join(_PARTS))


class Span(NamedTuple):
    """Where a part of a form stands in a text of fixed width; `part` is empty for what stands for itself, `text`."""

    part: str
    first: int
    last: int
    text: str


@cache
def spans(form: str, width: int) -> tuple[Span, ...] | None:
    """Return the parts of a form in texts of one width; None where they do not fill it. The fraction takes what is left."""
    pieces = [piece for piece in re.split(f"({'|'.join(_PARTS)})", form) if piece]
    fixed = sum(len(piece) for piece in pieces if piece != "f")
    fraction = width - fixed
    if (fraction and "f" not in pieces) or ("f" in pieces and not 1 <= fraction <= 9) or not form.isascii():
        return None
    found, place = [], 0
    for piece in pieces:
        size = fraction if piece == "f" else len(piece)
        found.append(Span(piece if piece in _PARTS else "", place, place + size, piece))
        place += size
    return tuple(found)


class Form(NamedTuple):
    """A regular expression for the whole text, and the ISO 8601 text that its groups give."""

    expression: str
    replacement: str


@cache
def compiled(form: str) -> Form | None:
    """Return what a form means; None where it is none: a part is there twice, or the day is not whole."""
    parts = _TOKEN.findall(form)
    if len(set(parts)) != len(parts) or not {"YYYY", "MM", "DD"} <= set(parts) or len(parts) > 9:
        return None
    expression, place = "^", 0
    for found in _TOKEN.finditer(form):
        expression += re.escape(form[place : found.start()]) + _PARTS[found[0]]
        place = found.end()
    group = {part: f"\\{number}" for number, part in enumerate(parts, 1)}
    time = ":".join(group.get(part, "00") for part in ("hh", "mm", "ss"))
    fraction = f".{group['f']}" if "f" in group else ""
    day = "-".join(group[part] for part in ("YYYY", "MM", "DD"))
    return Form(expression + re.escape(form[place:]) + "$", f"{day} {time}{fraction}")
