"""What CONTRIBUTING says of adding a rule is so: its blocks apply to the sources, and the contracts of codes take the rule in.

Nothing is compiled here; `tests/acceptance/test_worked_rule.py` runs the rule.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.worked_example import carried_out, patched, run, worked_blocks

CODE = "unmarked_odd_lot"
CONTRACTS = (
    "tests/rules/test_codes.py",
    "tests/simulator/test_faults.py::test_every_code_of_the_taxonomy_is_injected_or_said_to_be_elsewhere",
)


@pytest.fixture(scope="module")
def copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return carried_out(root, tmp_path_factory.mktemp("worked"))


def test_a_newcomer_touches_five_files(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = worked_blocks(text)
    assert len({block.path for block in blocks}) == len(blocks) == 5
    assert [block.kind for block in blocks].count("python") == 1
    assert "It touches five files, one of them new" in " ".join(text.split())


@pytest.mark.slow
def test_the_page_of_codes_has_the_rule(copy: Path) -> None:
    assert f"### {CODE}\n" in (copy / "docs/codes.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_sources_are_in_style(copy: Path, root: Path) -> None:
    paths = [block.path for block in worked_blocks((root / "CONTRIBUTING.md").read_text(encoding="utf-8"))]
    run(copy, "-m", "ruff", "check", *paths)
    run(copy, "-m", "ruff", "format", "--check", *paths)


@pytest.mark.slow
def test_the_contracts_hold(copy: Path) -> None:
    chosen = f"(({CODE} or genuine_move) and (entry or function)) or every_code or places"
    said = run(copy, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "-rA", *CONTRACTS, "-k", chosen)
    assert f"PASSED tests/rules/test_codes.py::test_an_entry_is_whole[{CODE}]" in said
    assert f"[{CODE}-tickproof.rules.odd_lots:check_odd_lot]" in said
    assert "test_every_code_that_is_found_has_an_example" in said


def test_a_hunk_that_does_not_stand_once_is_an_error() -> None:
    assert patched("a\nb\nc\n", " a\n-b\n+x\n@@\n c\n+d\n") == "a\nx\nc\nd\n"
    for text in ("a\n", "a\nb\na\nb\n"):
        with pytest.raises(AssertionError, match="times in the file"):
            patched(text, " a\n-b\n+x\n")
