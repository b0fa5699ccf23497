"""How kernels are compiled: kept between runs, without the interpreter's lock, and without counts of references.

A kernel works on arrays that its caller holds, and allocates nothing. Compiled as usual, each array that is handed on or taken
out of a tuple is counted by an atomic instruction all the same, which cost a third of the shard's walk; so such a function must
not make an array, and the compiler refuses one that does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numba as nb

# numba makes its options' names at run time.
nb.config.CACHE_LOCATOR_CLASSES = (  # type: ignore[attr-defined]
    "tickproof.kernel_cache.KernelLocator, UserProvidedCacheLocator, InTreeCacheLocator, UserWideCacheLocator"
)
kernel = partial(nb.njit, cache=True, nogil=True, _nrt=False)
"""Decorator of a function that is compiled; further options of `numba.njit` go into its brackets."""
array_kernel = partial(nb.njit, cache=True, nogil=True)
"""Decorator of a function that is compiled and makes arrays."""

Fields = tuple[Any, ...]
"""The fields of a named tuple, in its order."""


def plain(value: Any) -> Any:
    """Return named tuples as plain ones, however deep; a kernel that Python calls takes these and gives them their names.

    numba finds the type of a plain tuple in C and of a named one in Python, which takes milliseconds a call.
    """
    return tuple(map(plain, value)) if isinstance(value, tuple) else value
