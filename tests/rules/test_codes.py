"""The contract of all codes: an entry is whole, its functions exist and take its bit, and its example shows it."""

from __future__ import annotations

import ast
import importlib
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from numba.extending import is_jitted

from tests.rules.examples import EXAMPLES
from tickproof.codes.code import Check, Class, Code, Quality, Stage
from tickproof.codes.table import BY_NAME, CODES, FAMILIES
from tickproof.rules import table as rules

COMPILED = (Stage.CHANNEL, Stage.SHARD)
CHECKS = [(code, check) for code in CODES for check in code.checks]
FINALIZED = [code for code in CODES if code.finalize]
GOOD = {Quality.GOOD, Quality.MARKET_EVENT}
OF_A_VENUE_OR_FEED = ("silent", "burst")
"""Codes whose findings may be about a channel although their scope is a symbol."""


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


def names_its_bits(path: Path) -> set[str]:
    """The codes whose bits a module takes: by name, or by a constant of the rules' table."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in BY_NAME}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "rules":
            value = getattr(rules, node.attr, None)
            found |= {code.name for code in CODES if node.attr in MASKS and isinstance(value, int) and value >> code.bit & 1}
    return found


MASKS = frozenset(name for name, value in vars(rules).items() if name.isupper() and isinstance(value, int) and name != "TOLD")


def those_who_import(module: str, root: Path) -> Iterator[Path]:
    """The module's file, and the files of the modules that import it."""
    package, _, last = module.rpartition(".")
    yield root / (module.replace(".", "/") + ".py")
    for path in (root / "tickproof").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (
                node.module == module or (node.module == package and last in {alias.name for alias in node.names})
            ):
                yield path


@pytest.mark.parametrize(("code", "check"), CHECKS, ids=[f"{code.name}-{check.function}" for code, check in CHECKS])
def test_a_function_that_decides_a_code_exists_and_takes_its_bit(code: Code, check: Check, root: Path) -> None:
    function = function_of(check.function)
    assert callable(function)
    if check.stage in COMPILED:
        assert is_jitted(function)
        module = check.function.partition(":")[0]
        assert any(code.name in names_its_bits(path) for path in those_who_import(module, root))


@pytest.mark.parametrize("code", FINALIZED, ids=lambda code: code.name)
def test_a_function_that_finalizes_a_code_exists_and_takes_its_bit(code: Code, root: Path) -> None:
    assert is_jitted(function_of(code.finalize))
    assert code.name in names_its_bits(root / (code.finalize.partition(":")[0].replace(".", "/") + ".py"))


# --- examples ---------------------------------------------------------------------------------------------------------------


def test_every_code_that_is_found_has_an_example() -> None:
    assert set(EXAMPLES) == {code.name for code in CODES if code.checks}
    assert len(EXAMPLES) >= 44


@pytest.mark.parametrize("name", EXAMPLES)
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


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_innocent_twin_is_judged_good(name: str) -> None:
    twin = EXAMPLES[name].twin()
    assert len(twin.ticks) > 0
    assert not twin.of(name)
    assert set(twin.verdicts["final_quality"].tolist()) <= GOOD


# --- words ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("spike", f"{rules.DEVIATION_SCALES:.0f} scales and {1e4 * rules.DEVIATION_FLOOR:.0f} bp"),
        ("genuine_move", f"{rules.DEVIATION_SCALES:.0f} scales and {1e4 * rules.MARKET_FLOOR:.0f} bp"),
        ("decimal_shift", f"within {100 * rules.TEN_WIDTH:.0f} % of a power of ten"),
        ("wide_spread", f"{rules.WIDE_RATIO:.0f} times"),
        ("wide_spread", f"more than {1e4 * rules.WIDE_FLOOR:.0f} bp"),
        ("outside_quotes", f"{rules.OUTSIDE_SPREADS:.0f} spreads and {1e4 * rules.OUTSIDE_FLOOR:.0f} bp"),
        ("outside_quotes", f"at most {rules.QUOTE_FRESH_NS / 1e9:.0f} s old"),
        ("crossed", f"more than {100 * rules.HABIT_SHARE:.0f} % of at least {rules.HABIT_QUOTES // 1000} 000 quotes"),
    ],
)
def test_a_limit_in_words_is_the_limit_in_force(name: str, phrase: str) -> None:
    assert phrase in BY_NAME[name].how
