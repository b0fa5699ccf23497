"""A kernel that takes arrays counts no references: each would cost an atomic instruction a tick."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from numba.core import types
from numba.core.dispatcher import Dispatcher

from jobs.offline.compile_all import warm
from tickproof.kernel import kernel
from tickproof.shard.score_slice import score_fields


def reached(start: Dispatcher) -> dict[str, Dispatcher]:
    """The kernels that a kernel calls, itself included."""
    found: dict[str, Dispatcher] = {}
    waiting = [start]
    while waiting:
        one = waiting.pop()
        found[f"{one.py_func.__module__}.{one.py_func.__name__}"] = one
        for called in _called(one):
            if called not in found.values():
                waiting.append(called)
    return found


def _called(one: Dispatcher) -> Iterator[Dispatcher]:
    names, known = one.py_func.__code__.co_names, one.py_func.__globals__
    for name in names:
        value = known.get(name)
        # Functions of other modules are called by the module's name.
        candidates = [value] if isinstance(value, Dispatcher) else [getattr(value, other, None) for other in names]
        yield from (candidate for candidate in candidates if isinstance(candidate, Dispatcher))


def takes_arrays(one: types.Type) -> bool:
    """Is it an array, or a tuple that holds one?"""
    return isinstance(one, types.Array) or (isinstance(one, types.BaseTuple) and any(map(takes_arrays, one.types)))


def test_the_pass_over_a_shard_counts_no_references() -> None:
    warm("none")
    kernels = reached(score_fields)
    assert len(kernels) > 80
    counting = [
        name
        for name, one in kernels.items()
        if one.targetoptions.get("_nrt", True)
        and any(takes_arrays(argument) for signature in one.signatures for argument in signature)
    ]
    assert counting == []


def test_a_kernel_makes_no_array() -> None:
    """Compiled without counts, an array that it made would never be freed: the compiler rejects it."""

    @kernel()
    def makes(n):  # type: ignore[no-untyped-def]
        return [n, n]

    with pytest.raises(Exception, match="NRT"):
        makes(3)
