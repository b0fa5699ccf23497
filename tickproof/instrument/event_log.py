"""Events that kernels emit during one slice, in the order in which they are emitted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.kernel import kernel
from tickproof.ticks.records import Records

NO_ROW = -1
"""Field `row` of an event that no tick of the slice caused."""


class EventLog(NamedTuple):
    """Room for events, and how much of it is used.

    Attributes
    ----------
    events : array of EVENT
    used : int64 array, shape (1,)
        How many places are.
    """

    events: Records
    used: npt.NDArray[np.int64]


@kernel()
def next_event(log: EventLog) -> int:
    """Return the place of one more event, which the caller fills in."""
    place = log.used[0]
    log.used[0] = place + 1
    return place
