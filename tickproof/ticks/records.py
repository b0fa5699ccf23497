"""Types of structured arrays: their fields have no static type."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

Record = Any
"""One row of a structured array, its fields by attribute."""
Records = npt.NDArray[Any]
"""A structured array."""
