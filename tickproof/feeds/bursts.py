"""Bursts of a channel without information, by its peers: many more quotes than theirs let expect, and few that move a price.

News moves prices, and is shared. Stuffing and blocks that are played again repeat what stands, on one channel. What is found
within a channel alone, half second by half second, is in `channel.bursts`.
"""

from __future__ import annotations

import math

from tickproof.feeds.peers import WARM_S, second_of
from tickproof.feeds.rate_and_mix import MANY_PEERS, ONE_SYMBOL, RATE
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records

LEAST_SYMBOLS = 4
"""Of fewer, a burst is their own: without its busiest one nothing is left of a channel of one."""
LEAST_QUOTES = 100
"""Quotes of a second."""
SCALES = 8.0
"""Its activity is above what peers let expect by so many usual sizes of the residual."""
LEAST_RESIDUAL, LEAST_RESIDUAL_OF_FEW = 0.3, 0.6
"""And by so much of a logarithm at least, with a few peers by more: 0.3 are 1.8 times the messages, where symbols have several
each."""
MOVES = 0.6
"""At most this part of the usual share of quotes moves a price."""
LEAST_WEIGHT = 0.05


@kernel()
def find_bursts(lines: Records, second: int, out: Records) -> int:
    """Find the channels that had a burst in a second that was checked, and learn from the others their usual share of moves.

    Parameters
    ----------
    lines : array of LINE
    second : int
        The second (second − 1 s, second].
    out : array of DEVIATION
        With room for one a channel.

    Returns
    -------
    int
        How many were written.
    """
    written = 0
    for c in range(len(lines)):
        line = lines[c]
        one = second_of(line, second)
        if not _may_burst(line, one, second):
            continue
        quotes = one.ticks - one.trades
        share = float(one.moved) / float(quotes)
        usual, bound = math.log(one.activity) - one.residual, _bound(line, one)
        if _is_above(one, usual + bound) and share <= MOVES * line.moved_share:
            found = out[written]
            found.line = c
            found.window = 1
            found.peers = line.peer_count
            found.value = math.log(one.activity)
            found.usual = usual
            found.bound = usual + bound
            written += 1
        elif one.moved <= quotes:
            line.moved_share += (share - line.moved_share) * max(LEAST_WEIGHT, 1.0 / float(max(line.seen - WARM_S, 1)))
    return written


@kernel()
def _may_burst(line: Record, one: Record, second: int) -> bool:
    """Return whether a second has enough symbols and quotes, of a channel that is known, with peers."""
    if one.second != second or one.symbols < LEAST_SYMBOLS or one.ticks - one.trades < LEAST_QUOTES:
        return False
    return not math.isnan(one.residual) and line.seen > WARM_S


@kernel()
def _bound(line: Record, one: Record) -> float:
    """Return the residual from which a second is a burst, in logarithms."""
    least = LEAST_RESIDUAL if line.peer_count >= MANY_PEERS else LEAST_RESIDUAL_OF_FEW
    return max(SCALES * math.exp(line.usual[RATE, 0].log_scale), least) + ONE_SYMBOL / one.symbols


@kernel()
def _is_above(one: Record, limit: float) -> bool:
    """Return whether a second's activity is above a limit even without its busiest symbol, whose own burst it may be."""
    rest = one.activity - math.sqrt(float(one.top))
    return rest > math.exp(limit) * (1.0 - 1.0 / one.symbols)
