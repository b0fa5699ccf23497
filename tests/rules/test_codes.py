"""The contract of all codes: an entry is whole, its functions exist and its bit is taken there, and its example shows it."""

from __future__ import annotations

import ast
import importlib
import math
from pathlib import Path

import numpy as np
import pytest
from numba.extending import is_jitted

from tests.rules.examples import EXAMPLES
from tickproof.codes.code import Check, Class, Code, Quality, Stage
from tickproof.codes.table import BY_NAME, CODES, FAMILIES
from tickproof.rules import price_deviation, quote_sides, reasons, venue_habits

COMPILED = (Stage.CHANNEL, Stage.SHARD)
CHECKS = [(code, check) for code in CODES for check in code.checks]
FINALIZED = [code for code in CODES if code.finalize]
GOOD = {Quality.GOOD, Quality.MARKET_EVENT}
OF_A_VENUE_OR_FEED = ("silent", "burst")
"""Codes whose findings may be about a channel although their scope is a symbol."""
LONG = ("rate_shift", "mix_shift")
"""Codes that need hours of a feed, and so seconds of a core."""
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in EXAMPLES]


def function_of(dotted: str) -> object:
    module, _, name = dotted.partition(":")
    return getattr(importlib.import_module(module), name)


# --- entries ----------------------------------------------------------------------------------------------------------------


def test_bits_are_places_and_names_are_unique() -> None:
    assert [code.bit for code in CODES] == list(range(len(CODES)))
    assert len(BY_NAME) == len(CODES) == sum(len(family) for family in FAMILIES.values())


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_an_entry_is_whole(code: Code) -> None:
    """Units and labels go together; sentences are sentences; what gives 2 says that a tick is corrupt."""
    assert bool(code.unit) or not any(code.labels)
    assert all(text and text == text.strip() and not text.endswith(".") for text in (code.meaning, code.how))
    assert len(code.how.split()) >= 5
    sentences = [code.advice.why, code.advice.action, *filter(None, [code.advice.innocent])]
    assert all(text[0].isupper() and text.endswith(".") and "  " not in text for text in sentences)
    assert (code.class_ == Class.CORRUPT_TICK) is (code.quality == Quality.CORRUPT)


# --- functions --------------------------------------------------------------------------------------------------------------


def masks() -> dict[str, int]:
    """Return the constants of the rules that are masks of codes' bits, by name."""
    return {name: int(value) for name, value in vars(reasons).items() if isinstance(value, np.uint64)}


def codes_taken(path: Path) -> set[str]:
    """Return the codes that a module names: as text, or by a mask of the rules."""
    tree, known = ast.parse(path.read_text(encoding="utf-8")), masks()
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in BY_NAME}
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        found |= {code.name for code in CODES if known.get(name, 0) >> code.bit & 1}
    return found


def imports(path: Path, root: Path) -> set[Path]:
    """Return the modules of the domain that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found |= {root / (name.replace(".", "/") + ".py") for name in names}
    return {path for path in found if path.is_file()}


def file_of(dotted: str, root: Path) -> Path:
    return root / (dotted.partition(":")[0].replace(".", "/") + ".py")


@pytest.fixture(scope="module")
def graph(root: Path) -> dict[Path, set[Path]]:
    """Each module that may take a bit, and what it imports; neither the entries nor the masks, which name all codes."""
    paths = {path for path in (root / "tickproof").rglob("*.py") if path.parent.name != "codes"} - {Path(reasons.__file__)}
    return {path: imports(path, root) & paths for path in paths}


@pytest.mark.parametrize(("code", "check"), CHECKS, ids=[f"{code.name}-{check.function}" for code, check in CHECKS])
def test_a_function_that_decides_a_code_exists_and_its_bit_is_taken_beside_it(
    code: Code, check: Check, root: Path, graph: dict[Path, set[Path]]
) -> None:
    """By its own module, by one that it asks, or by one that asks it."""
    function, module = function_of(check.function), file_of(check.function, root)
    assert callable(function)
    if check.stage in COMPILED:
        assert is_jitted(function)
        beside = {module} | graph[module] | {path for path, imported in graph.items() if module in imported}
        assert any(code.name in codes_taken(path) for path in beside)


@pytest.mark.parametrize("code", FINALIZED, ids=lambda code: code.name)
def test_a_function_that_finalizes_a_code_exists_and_takes_its_bit(code: Code, root: Path) -> None:
    assert is_jitted(function_of(code.finalize))
    assert code.name in codes_taken(file_of(code.finalize, root))


# --- examples ---------------------------------------------------------------------------------------------------------------


def test_every_code_that_is_found_has_an_example() -> None:
    assert set(EXAMPLES) == {code.name for code in CODES if code.checks}
    assert len(EXAMPLES) >= 44


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_shows_its_code(name: str) -> None:
    code = BY_NAME[name]
    findings = EXAMPLES[name].shows().of(name)
    assert findings
    for finding in findings:
        assert finding.class_ == code.class_
        assert finding.unit == code.unit
        for value in (finding.measured, finding.threshold, finding.reference):
            assert value is None or math.isfinite(value)
        assert finding.evidence or name == "silent"
        assert (finding.symbol is None) == (code.scope == "channel" or (name in OF_A_VENUE_OR_FEED and finding.venue is None))
        assert finding.first_ts <= finding.last_ts


@pytest.mark.parametrize("name", NAMES)
def test_its_innocent_twin_is_judged_good(name: str) -> None:
    twin = EXAMPLES[name].twin()
    assert len(twin.ticks) > 0
    assert not twin.of(name)
    assert set(twin.verdicts["final_quality"].tolist()) <= GOOD


# --- words ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("spike", f"{price_deviation.DEVIATION_SCALES:.0f} scales and {1e4 * price_deviation.DEVIATION_FLOOR:.0f} bp"),
        ("genuine_move", f"{price_deviation.DEVIATION_SCALES:.0f} scales and {1e4 * price_deviation.MARKET_FLOOR:.0f} bp"),
        ("decimal_shift", f"within {100 * price_deviation.TEN_WIDTH:.0f} % of a power of ten"),
        ("wide_spread", f"{quote_sides.WIDE_RATIO:.0f} times"),
        ("wide_spread", f"more than {1e4 * quote_sides.WIDE_FLOOR:.0f} bp"),
        ("outside_quotes", f"{price_deviation.OUTSIDE_SPREADS:.0f} spreads and {1e4 * price_deviation.OUTSIDE_FLOOR:.0f} bp"),
        ("outside_quotes", f"at most {price_deviation.QUOTE_FRESH_NS / 1e9:.0f} s old"),
        ("crossed", f"more than {100 * venue_habits.HABIT_SHARE:.0f} % of at least"),
        ("crossed", f"{venue_habits.HABIT_QUOTES // 1000} 000 quotes"),
    ],
)
def test_a_limit_in_words_is_the_limit_in_force(name: str, phrase: str) -> None:
    assert phrase in BY_NAME[name].how
