"""Types of structured arrays and their rows, for the annotations of kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Record = Any
"""One row of a structured array; its fields are attributes."""
Records = npt.NDArray[np.void]
"""A structured array; its rows are `Record`."""
