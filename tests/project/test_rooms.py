"""Rooms: small folders, each of which says what it decides and what it may use. import-linter holds their layers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGES = ("tickproof", "producers", "models", "jobs", "reports", "commands", "tests")
MOST_MODULES = 15
FEWEST_LINES, MOST_LINES = 5, 15


def rooms(root: Path) -> dict[Path, list[Path]]:
    """Each folder of modules, and its modules."""
    found: dict[Path, list[Path]] = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            found.setdefault(path.parent.relative_to(root), []).append(path.relative_to(root))
    return found


def test_no_room_is_crowded(root: Path) -> None:
    found = rooms(root)
    assert len(found) > 40
    crowded = {str(room): len(modules) for room, modules in found.items() if len(modules) > MOST_MODULES}
    assert crowded == {}


def test_each_room_says_what_it_decides(root: Path) -> None:
    wrong = {}
    for room in rooms(root):
        text = ast.get_docstring(ast.parse((root / room / "__init__.py").read_text(encoding="utf-8"))) or ""
        lines = len(text.splitlines())
        if not FEWEST_LINES <= lines <= MOST_LINES:
            wrong[str(room)] = lines
    assert wrong == {}


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "core", "base", "manager"])
def test_rooms_and_modules_are_named_for_what_they_are(root: Path, word: str) -> None:
    named = [str(path) for modules in rooms(root).values() for path in modules if word in path.with_suffix("").parts]
    assert named == []
