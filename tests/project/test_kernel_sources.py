"""How kernels are written: values that belong together have names, and types are stated rather than ignored."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("tickproof", "producers", "models", "jobs", "reports", "commands")
MOST_FIELDS = 3
MOST_IGNORES = 60


def sources(root: Path) -> list[Path]:
    """Every module of the product."""
    return [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]


def is_kernel(function: ast.FunctionDef) -> bool:
    """Whether a decorator compiles the function."""
    names = [node.id for one in function.decorator_list for node in ast.walk(one) if isinstance(node, ast.Name)]
    return any(name in ("kernel", "array_kernel") for name in names)


def kernels(root: Path) -> Iterator[tuple[Path, ast.FunctionDef]]:
    """Every compiled function and its module."""
    for path in sources(root):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and is_kernel(node):
                yield path.relative_to(root), node


def wide_tuples(function: ast.FunctionDef) -> Iterator[ast.Tuple]:
    """Tuples of more than three values without names; several assignments in one line and sets of constants are none."""
    allowed: set[int] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            allowed |= {id(side) for side in (node.value, *node.targets)}
        elif isinstance(node, ast.For):
            allowed.add(id(node.iter))
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In):
            allowed.add(id(node.comparators[0]))
    for node in ast.walk(function):
        if isinstance(node, ast.Tuple) and len(node.elts) > MOST_FIELDS and id(node) not in allowed:
            yield node


def test_values_that_belong_together_have_names(root: Path) -> None:
    seen, found = 0, []
    for path, function in kernels(root):
        seen += 1
        found += [f"{path}:{node.lineno} {function.name}: {ast.unparse(node)}" for node in wide_tuples(function)]
    assert seen > 250
    assert found == []


def test_few_types_are_ignored_and_each_says_why(root: Path) -> None:
    lines = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sources(root)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "type: ignore" in line
    ]
    assert len(lines) <= MOST_IGNORES, "\n".join(lines)
    assert [line for line in lines if not re.search(r"type: ignore\[[a-z-]+(, ?[a-z-]+)*\]", line)] == []
