"""How a compiled step emits events: one EVENT record after the other into a log that its caller made."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.findings.event import EVENT, NO_SUBJECT, Event, Mode
from tickproof.findings.finding import BY_NAME
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records


class EventLog(NamedTuple):
    """Events of one step.

    Attributes
    ----------
    records : array of EVENT, shape (capacity,)
    written : int64 array, shape (1,)
        How many there are so far.
    """

    records: Records
    written: npt.NDArray[np.int64]


class Occurrence(NamedTuple):
    """What an event says of what happened; fields as of `Event`."""

    row: int
    time: int
    first_ts: int
    measured: float
    threshold: float
    reference: float


def new_log(capacity: int) -> EventLog:
    """Return an empty log with room for `capacity` events."""
    return EventLog(np.empty(capacity, EVENT), np.zeros(1, np.int64))


def events_of(log: EventLog) -> list[Event]:
    """Return the events of a log in the order in which they were emitted."""
    return [Event(*values) for values in log.records[: int(log.written[0])].tolist()]


def code_bit(name: str) -> int:
    """Return the number of a code's bit in `reasons`."""
    return BY_NAME[name].bit


@kernel()
def emit(log: EventLog, code: int, mode: Mode, what: Occurrence) -> Record:
    """Append one event and return its record."""
    event: Record = log.records[log.written[0]]
    event.row = what.row
    event.subject = NO_SUBJECT
    event.time = what.time
    event.first_ts = what.first_ts
    event.measured = what.measured
    event.threshold = what.threshold
    event.reference = what.reference
    event.code = code
    event.mode = mode
    log.written[0] += 1
    return event


@kernel()
def reason(code: int) -> np.uint64:
    """Return the bit of a code as a value of `reasons`."""
    return np.uint64(1) << np.uint64(code)
