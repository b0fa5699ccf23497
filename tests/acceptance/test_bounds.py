"""Compiled kernels read and write within their arrays: their tests once more, with numba's bounds checks on.

Without them an index that is one too far reads whatever lies there, and no test need notice. numba decides when it compiles, so
the tests run in a process of their own with a cache of its own: compiling takes minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNELS_TESTS = ("channel", "rules", "shard", "ticks", "pipeline", "models", "recordings/test_dbn.py", "simulator/test_market.py")
"""Folders and files below `tests` whose tests run kernels."""
WITHOUT = "not broker and not flink and not shared and not slow"
OUT_OF_BOUNDS = """
import numpy as np
from tickproof.kernel import kernel
@kernel()
def beyond(values):
    return values[len(values)]
beyond(np.zeros(3))
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process whose kernels check their bounds."""
    return os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("numba"))}


def test_an_index_beyond_the_end_is_an_error(checked: dict[str, str], root: Path, tmp_path: Path) -> None:
    # From a file: what numba caches has to be in one.
    program = tmp_path / "beyond.py"
    program.write_text(OUT_OF_BOUNDS)
    environment = checked | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, str(program)], cwd=root, env=environment, capture_output=True, text=True)
    assert "IndexError: index is out of bounds" in done.stderr


def test_no_kernel_leaves_its_arrays(checked: dict[str, str], root: Path) -> None:
    tests = [str(root / "tests" / name) for name in KERNELS_TESTS]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", WITHOUT, *tests]
    done = subprocess.run(command, cwd=root, env=checked, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:]
