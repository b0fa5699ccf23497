"""Trade ids in place of numbers, where a feed has none: copies, changed copies, and blocks that are sent again.

Ids have no order, so nothing is missing and no counter starts again. The run is one of RunKind.COPIES or RunKind.CHANGED, and
becomes a block as in `out_of_order`; a trade with a new id ends it.
"""

from __future__ import annotations

import numpy as np

from tickproof.channel.message import Message
from tickproof.channel.sequence.history import Reported, RunKind, SequenceState, slot_of
from tickproof.channel.sequence.numbers import NoCode
from tickproof.channel.sequence.out_of_order import (
    REPLAY_RUN,
    code_of_run,
    end_run,
    keep_first,
    report,
    report_as_block,
    report_singly,
)
from tickproof.findings.emit import EventLog, code_bit
from tickproof.kernel import kernel

_REPLAYED = code_bit("replayed_block")
_IN_ORDER = int(NoCode.IN_ORDER)


@kernel()
def check_trade_id(message: Message, key: np.uint64, content: np.uint64, state: SequenceState, log: EventLog) -> int:
    """Check one trade's id; return the code that marks it or NoCode.IN_ORDER.

    Parameters
    ----------
    message : Message
        A trade with an id and no number.
    key : uint64
        `trade_key` of its row: hash of venue, symbol and id.
    content : uint64
        `content_hash` of its row.
    state : SequenceState
        Written to; the ring holds trades by their keys.
    log : EventLog
    """
    counter = state.counter
    slot = slot_of(state.ring, key)
    is_known = slot.content != 0 and slot.sequence == key
    is_copy = is_known and slot.content == content
    slot.sequence = key
    slot.content = content
    if not is_known:
        if counter.run.kind != RunKind.NONE:
            end_run(counter, message.now, log)
        return _IN_ORDER
    state.counts.duplicates += 1
    _follow_run(message, RunKind.COPIES if is_copy else RunKind.CHANGED, state, log)
    return _report_trade(message, is_copy, state, log)


@kernel()
def _follow_run(message: Message, kind: RunKind, state: SequenceState, log: EventLog) -> None:
    """Add a trade whose id is known to the run, or begin another with it."""
    run = state.counter.run
    if run.kind == kind:
        run.count += 1
    else:
        report_singly(state.counter, message.now, log)
        run.kind = kind
        run.reported = Reported.NOT_YET
        run.count = 1
        run.first = np.uint64(message.row.trade_id)
        run.since = message.now
        keep_first(message, log)
    run.behind = run.count


@kernel()
def _report_trade(message: Message, is_copy: bool, state: SequenceState, log: EventLog) -> int:
    """Report a trade of the run as far as the run is known; return the code that marks it."""
    run = state.counter.run
    code = code_of_run(RunKind.COPIES if is_copy else RunKind.CHANGED)
    if is_copy and run.count >= REPLAY_RUN:
        code = _REPLAYED
        if run.reported != Reported.AS_BLOCK:
            report_as_block(state.counter, message.now, log)
            return code
    if run.reported != Reported.NOT_YET:
        report(state.counter, message.row_index, code, message.now, log)
    return code
