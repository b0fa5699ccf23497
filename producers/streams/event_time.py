"""Event time of an ordered stream of ticks: the running maximum of `ts_recv`, robust against one wrong stamp."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import NS_PER_SECOND

JUMP_NS = 3_600 * NS_PER_SECOND
"""A tick that is further ahead is believed only if others confirm it, as in a channel's stage of the job."""
CONFIRMED_BY = 2
"""How many following ticks confirm a jump, as far as the batch goes; the last ticks of a batch are believed."""
_PASSES = 8
EARLIEST = int(np.iinfo(np.int64).min)
"""Event time before any tick."""


def running(times: npt.NDArray[np.int64], latest_ns: int) -> npt.NDArray[np.int64]:
    """Return event time at each tick, in ns.

    Parameters
    ----------
    times : array of int64, shape (n,)
        `ts_recv` in ns, in order of arrival.
    latest_ns : int
        Event time before them; EARLIEST at the beginning.

    Returns
    -------
    array of int64, shape (n,)
        Never falling. Below `ts_recv` for a tick whose jump ahead was not believed.
    """
    latest = np.maximum.accumulate(np.maximum(times, latest_ns))
    for _ in range(_PASSES):
        before = np.concatenate([[times[0] if latest_ns == EARLIEST else latest_ns], latest[:-1]])
        jumps = np.flatnonzero(latest - before > JUMP_NS)
        followers = np.minimum(jumps[:, None] + np.arange(1, CONFIRMED_BY + 1), len(times) - 1)
        alone = jumps[(times[followers] <= before[jumps, None] + JUMP_NS).any(axis=1)]
        if not len(alone):
            break
        times = times.copy()
        times[alone] = before[alone]
        latest = np.maximum.accumulate(np.maximum(times, latest_ns))
    return latest
