"""Where compiled kernels are kept between runs.

numba looks only at a kernel's own file to see whether its cached machine code is fresh, and our kernels call kernels of other
files. So the cache's folder is named by a hash over all of them: a change anywhere compiles anew, and nothing stale is ever run.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

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
    folder = str(home / "tickproof" / "numba" / digest.hexdigest())
    # By the environment: importing numba here would cost each command a second.
    os.environ["NUMBA_CACHE_DIR"] = folder
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = folder
