"""What the catalogue says of a finding's code, whatever version made the finding."""

from __future__ import annotations

from tickproof.codes.code import Advice, Class, Code, Labels, Quality, Scope, Severity
from tickproof.codes.table import BY_NAME

UNKNOWN = Code(
    bit=-1,
    name="",
    scope=Scope.CHANNEL,
    class_=Class.INFORMATION,
    severity=Severity.INFO,
    quality=Quality.GOOD,
    unit="",
    labels=Labels("measured", "limit", "usual"),
    meaning="a code of another version",
    how="",
    checks=(),
    advice=Advice(why="A code of another version.", action="See that version's documentation.", innocent=""),
)
"""Stands for a code that this version does not have."""


def entry(name: str) -> Code:
    """Return the entry of a code, or `UNKNOWN` for a code of another version."""
    return BY_NAME.get(name, UNKNOWN)
