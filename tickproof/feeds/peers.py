"""Which channels are peers, and what a channel's activity of a second is relative to theirs.

Channels of one feed, and those that carry the same symbols, rise and fall together: what they share is a regime of the market.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tickproof.kernel import array_kernel, kernel
from tickproof.ticks.records import Record, Records

PEERS = 16
"""At most so many peers of a channel are asked."""
RING_S = 64
"""Seconds that are kept of a channel."""
LEAST_TICKS = 5
"""Quotes and trades that a second needs to say anything."""
WARM_S = 15
"""Seconds that a channel learns before its values mean anything."""
FAR = 0.5
"""Residuals beyond it teach no more than it."""
RATE = 0
"""The place of the rate among the measures, see `rate_and_mix.Measure`."""
ACCEPTED_S = 120
"""A level that is off for so long is the new usual one."""
HALF_LIFE_S = 120.0
FORGETS = 1.0 - 2.0 ** (-1.0 / HALF_LIFE_S)
"""Weight of one second in what is learnt."""


def find_peers(lines: Records) -> None:
    """Write into each LINE who its peers are: channels of one feed, and those whose symbols are partly the same."""
    sketches, feeds = lines["sketch"], lines["feed"]
    common = ((sketches[:, None, :] == sketches[None, :, :]) & (sketches[:, None, :] > 0)).any(axis=2)
    peers = (common | (feeds[:, None] == feeds[None, :])) & ~np.eye(len(lines), dtype=bool)
    for line, mine in zip(lines, peers, strict=True):
        known = np.flatnonzero(mine)[:PEERS]
        line["peers"][: len(known)] = known
        line["peer_count"] = len(known)


@kernel()
def second_of(line: Record, second: int) -> Record:
    """Return the place of the ring for a second; it may hold another one."""
    return line.ring[second % RING_S]


@kernel()
def is_active(one: Record, second: int) -> bool:
    """Return whether a place of the ring holds a second, with ticks enough to say anything."""
    return one.second == second and one.ticks >= LEAST_TICKS


@array_kernel()
def compare_activity(lines: Records, second: int) -> None:
    """Write the residual of each channel's activity of a second, relative to its peers', and learn its usual level.

    The activity is taken as a logarithm. A channel's residual is NaN where it or all of its peers said too little.
    """
    activity, relative = np.empty(len(lines)), np.empty(PEERS)
    for c in range(len(lines)):
        one = second_of(lines[c], second)
        activity[c] = math.log(one.activity) if is_active(one, second) else np.nan
    for c in range(len(lines)):
        line = lines[c]
        count = _relative_to_usual(lines, line, activity, relative)
        residual = activity[c] - line.level - np.median(relative[:count]) if count > 0 else np.nan
        second_of(line, second).residual = residual
    for c in range(len(lines)):
        _learn_level(lines[c], second_of(lines[c], second).residual)


@kernel()
def _relative_to_usual(lines: Records, line: Record, activity: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> int:
    """Write what each peer's activity is relative to its usual level; return how many were written."""
    count = 0
    for k in range(line.peer_count):
        p = line.peers[k]
        # Those that have just come say nothing yet, unless nobody does.
        if not math.isnan(activity[p]) and (lines[p].seen >= WARM_S or line.seen < WARM_S):
            out[count] = activity[p] - lines[p].level
            count += 1
    return count


@kernel()
def _learn_level(line: Record, residual: float) -> None:
    """Learn the usual level of a channel's activity, unless its rate is off."""
    if math.isnan(residual) or 0 < line.off[RATE] < ACCEPTED_S:
        return
    if line.seen >= WARM_S:
        residual = min(max(residual, -FAR), FAR)
    line.level += residual * max(FORGETS, 1.0 / (line.seen + 1.0))
    line.seen += 1
