"""Where compiled kernels are kept between runs.

numba looks only at a kernel's own file to see whether its cached machine code is fresh, and our kernels call kernels of other
files. So the cache's folder is named by a hash over all of them: a change anywhere compiles anew, and nothing stale is ever run.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numba

PACKAGES = ("models", "producers", "tickproof")
"""The packages that hold kernels."""


def use_cache() -> None:
    """Point numba at this source tree's cache, unless NUMBA_CACHE_DIR names another."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    digest = hashlib.blake2b(digest_size=8)
    for package in PACKAGES:
        for path in sorted((Path(__file__).parents[1] / package).rglob("*.py")):
            digest.update(path.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    config: Any = numba.config
    config.CACHE_DIR = str(home / "tickproof" / "numba" / digest.hexdigest())
