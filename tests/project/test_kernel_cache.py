"""Machine code of kernels is kept by what it follows from: what a kernel imports, and nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tickproof import kernel_cache
from tickproof.kernel_cache import sources, stamp

PACKAGES = ("tickproof", "producers", "models")


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """A copy of the sources, to be changed."""
    for package in PACKAGES:
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "default"))
    return tmp_path


def stamps(tree: Path) -> dict[str, str]:
    """Each module with kernels, and its stamp as the sources are now."""
    for memory in (stamp, kernel_cache._text, kernel_cache._imported):
        memory.cache_clear()
    modules = [path for package in PACKAGES for path in (tree / package).rglob("*.py")]
    return {
        str(path.relative_to(tree)): stamp(path, tree)
        for path in modules
        if re.search(r"^@(array_)?kernel\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }


def changed(tree: Path, module: str) -> set[str]:
    """The modules whose kernels compile anew after a change of one module."""
    before = stamps(tree)
    with (tree / module).open("a", encoding="utf-8") as file:
        file.write("\nANOTHER = 1\n")
    after = stamps(tree)
    assert after.keys() == before.keys()
    assert len(after) > 30
    return {name for name in after if after[name] != before[name]}


@pytest.mark.parametrize(
    "module",
    [
        "producers/recordings/us_equities/lean.py",
        "producers/recordings/reading/csv_blocks.py",
        "models/store/card.py",
        "tickproof/settings.py",
    ],
)
def test_a_change_in_a_reader_compiles_nothing(tree: Path, module: str) -> None:
    assert changed(tree, module) == set()


def test_a_change_compiles_what_depends_on_it_however_far_away(tree: Path) -> None:
    again = changed(tree, "tickproof/rules/reasons.py")
    assert {"tickproof/shard/score_slice.py", "tickproof/rules/message.py"} <= again
    assert not {name for name in again if name.startswith(("tickproof/wire", "tickproof/channel", "models/trees"))}


@pytest.mark.parametrize(("old", "new", "compiles"), [("a price off by", "any price off by", False), ("bit=6", "bit=44", True)])
def test_of_a_code_its_bit_compiles_anew_and_its_sentences_do_not(tree: Path, old: str, new: str, compiles: bool) -> None:
    entries = tree / "tickproof/codes/price.py"
    before = stamps(tree)
    text = entries.read_text(encoding="utf-8")
    assert text.count(old) == 1
    entries.write_text(text.replace(old, new), encoding="utf-8")
    after = stamps(tree)
    assert (before["tickproof/rules/message.py"] != after["tickproof/rules/message.py"]) is compiles


def test_imports_over_several_lines_and_of_modules_count(root: Path) -> None:
    found = {str(path.relative_to(root)) for path in sources(root / "tickproof/shard/score_slice.py")}
    assert {"tickproof/features/state.py", "tickproof/instrument/level.py", "tickproof/ticks/schema.py"} <= found
    assert not {name for name in found if not name.startswith("tickproof/")}


def test_every_kernel_is_kept_in_this_cache(root: Path) -> None:
    from tickproof.shard.score_slice import score_fields

    folder = Path(score_fields.stats.cache_path)
    assert folder.parent == kernel_cache.folder()
    assert folder.name == f"tickproof.shard.score_slice-{stamp(root / 'tickproof/shard/score_slice.py')}"
    plain = [
        str(path.relative_to(root))
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
        if path.name != "kernel.py" and re.search(r"\bn?jit\b", path.read_text(encoding="utf-8"))
    ]
    assert plain == []


def test_where_the_cache_cannot_be_written_a_process_has_one_of_its_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    module = root / "tickproof/shard/score_slice.py"

    def function() -> None: ...

    locator = kernel_cache.KernelLocator.from_function(function, str(module))
    assert locator is not None
    folder = Path(locator.get_cache_path())
    assert folder.is_dir()
    assert not folder.is_relative_to(root)
    assert not folder.is_relative_to(tmp_path)
