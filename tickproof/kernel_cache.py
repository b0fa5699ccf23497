"""Where the machine code of kernels is kept between runs, and when it is stale.

numba looks at a kernel's own file alone to see whether its machine code is fresh, and our kernels call kernels of other files and
take their constants. So a folder of the cache is named by a module and by a hash over the sources that it imports, and those that
they import: a change compiles anew what depends on it and nothing else, nothing stale is ever run, and checkouts with the same
sources share what they compiled. Of the entries in `tickproof.codes` only bits, names and classes count: a better sentence
compiles nothing. The cache stands below `NUMBA_CACHE_DIR` if that is set, else in the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType

from numba.core.caching import _CacheLocator

ROOT = Path(__file__).resolve().parents[1]
_ENTRIES = Path("tickproof/codes")
_FACT = re.compile(r"^ +(?:bit|name|scope|class_|severity|quality)=.*", re.MULTILINE)
"""The lines of a code's entry that a kernel's constants may follow from; the others are sentences for people."""
_IMPORT = re.compile(r"^(?:from ([\w.]+) import (\([^)]*\)|[^\n]*)|import ([^\n]*))", re.MULTILINE)


class KernelLocator(_CacheLocator):
    """numba's way to ask where a function's machine code is, for the functions of this source tree."""

    def __init__(self, function: FunctionType, path: Path) -> None:
        self._line = function.__code__.co_firstlineno
        self._stamp = stamp(path)
        self._folder = folder() / f"{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}-{self._stamp}"

    def get_cache_path(self) -> str:
        """The folder that holds the function's machine code."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """A hash over every source that the machine code follows from."""
        return self._stamp

    def get_disambiguator(self) -> str:
        """The function's line, for functions of one name in one module."""
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: FunctionType, py_file: str) -> KernelLocator | None:
        """Return the locator of a function, or None if it is none of this tree's."""
        path = Path(py_file).resolve()
        if not path.is_relative_to(ROOT) or not path.is_file():
            return None
        locator = cls(py_func, path)
        try:
            _make(locator.get_cache_path())
        except OSError:
            # Compiled for this process alone: numba's other folders know nothing of what a kernel imports.
            locator._folder = Path(_private_folder().name) / locator._folder.name
            _make(locator.get_cache_path())
        return locator


def folder() -> Path:
    """The folder of the cache."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(cache) if cache else Path("~/.cache").expanduser()) / "tickproof" / "numba"
    except RuntimeError:
        # A user without a home, as in a container with a number for a user.
        return Path(_private_folder().name) / "numba"


@cache
def _private_folder() -> TemporaryDirectory[str]:
    """Return a folder that is this process's own, and goes with it."""
    return TemporaryDirectory(prefix="tickproof-kernels-")


@cache
def _make(path: str) -> None:
    os.makedirs(path, exist_ok=True)
    if not os.access(path, os.W_OK):
        raise PermissionError(path)


@cache
def stamp(path: Path, root: Path = ROOT) -> str:
    """Hash of a module's source and of every source that it imports, however far away."""
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(sources(path, root)):
        digest.update(f"{source.relative_to(root)}\0{_relevant(source, root)}".encode())
    return digest.hexdigest()


def _relevant(path: Path, root: Path) -> str:
    """Return what of a source machine code may follow from: all of it, but of the codes' entries only their facts."""
    facts = _FACT.findall(_text(path)) if path.parent == root / _ENTRIES else []
    return "\n".join(facts) or _text(path)


def sources(path: Path, root: Path = ROOT) -> set[Path]:
    """The module and every module of the tree below `root` that it imports, however far away."""
    found, waiting = {path}, [path]
    while waiting:
        for imported in _imported(waiting.pop(), root):
            if imported not in found:
                found.add(imported)
                waiting.append(imported)
    return found


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _imported(path: Path, root: Path) -> frozenset[Path]:
    """The modules of the tree that a module's import statements name: those at its top, which is where kernels find names."""
    names = []
    for module, imported, plain in _IMPORT.findall(_text(path)):
        if module:
            names += [(module, name.split(" as ")[0].strip()) for name in imported.strip("()").split(",")]
        else:
            names += [(name.split(" as ")[0].strip(), "") for name in plain.split(",")]
    return frozenset(file for module, name in names if (file := _file(module, name, root)) is not None)


def _file(module: str, name: str, root: Path) -> Path | None:
    """The file that `from module import name` reads a name from, if it is one of the tree's."""
    base = root.joinpath(*module.split("."))
    for path in (base / f"{name}.py", base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
