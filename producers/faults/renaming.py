"""Renaming of a symbol: the genuine twin of a tick that belongs to another symbol."""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import Block, Random, Span, Target
from producers.faults.kinds.burst import STAMPED, insert_at_their_times
from producers.market.universe import Array
from producers.streams.word_copy import gathered
from tickproof.ticks.schema import NULLABLE, Condition, Kind


def genuine_rename(block: Block, target: Target, _size: float, _rng: Random) -> Span | None:
    """Close a symbol under its name and open it under a new one on all venues, at the price where it was.

    Whatever is captured from `target.start` to the end of the stream has the new name. Just before, each venue says so with two
    status messages.
    """
    # To the last message, and not only to the end of the window.
    where = block.of_series(target.series, target.start, 1 << 62)
    where = where[block.keep[where]]
    times = block.rows["ts_recv"]
    begins = bool(times.min() <= target.start)
    if not block.spare or (begins and not _can_begin(block, target, where)):
        return None
    if begins:
        for series in target.series:
            line = block.universe.series[series]
            insert_at_their_times(block, int(line["channel"]), _announcement(block, line, target.start - 1, block.spare[0]))
    elif not len(where):
        # None of its venues has a tick in this block.
        return None
    onset = target.start - 1 if begins else int(times[where].min())
    end = int(times[where].max())
    block.rename(where, block.spare[0])
    return Span(onset, end, 1.0, block.spare[0])


def _can_begin(block: Block, target: Target, where: Array) -> bool:
    """Return whether the symbol has ticks on each of its venues before and now, and no other episode touches it."""
    before = block.of_series(target.series, 0, target.start)
    has_ticks = all(np.any(block.rows["venue"][before] == block.universe.series["venue_code"][one]) for one in target.series)
    return has_ticks and len(where) >= len(target.series) and bool(block.is_free(target.where).all())


def _announcement(block: Block, line: Array, time: int, name: int) -> Array:
    """Return the two status messages, old name closed and new name opened, stamped like the channel's last message."""
    mine = block.of_channels((int(line["channel"]),), 0, time + 1)
    said = gathered(block.rows, np.full(2, mine[-1]))
    for column in NULLABLE:
        if column not in ("ts_event", "sequence"):
            said[column] = 0
    said["ts_event"] += time - said["ts_recv"]
    said["ts_recv"] = time
    said["present"] &= np.uint16(STAMPED)
    said["kind"] = Kind.STATUS
    said["conditions"] = Condition.SESSION_CLOSED, Condition.SESSION_OPENED
    said["venue"] = line["venue_code"]
    said["symbol"] = line["symbol_code"], name
    said["flags"] = 0
    return said
