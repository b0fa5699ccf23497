"""Replay: ordered ticks with capture heartbeats, as frames, each sent when it is due.

`frames` decides what is sent and reads no clock; `replay` is the shell that waits. A replay is bounded, so it ends with a seal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from producers.publish.framing import Frame, Framing
from producers.publish.pacing import Clock, Errors, Pace, Schedule
from producers.streams.heartbeats import Heartbeats, beat
from producers.streams.partitioning import capture_channel, partition_of
from producers.streams.word_copy import copied
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, Present, Ticks

FILLER_NS = 50 * NS_PER_MS
"""In a paced replay, a partition without a record for this wall time gets a capture heartbeat."""
PACED_SPAN_NS = 20 * NS_PER_MS
"""Wall time that a frame may span when paced: what DESIGN asks of a live producer."""
LONGEST_SPAN_NS = 60 * NS_PER_SECOND
"""Event time that a frame may span at most; used at full speed, as shorter frames of a sparse recording hold few ticks."""
_EARLIEST = np.iinfo(np.int64).min


def span_ns(speed: float | None) -> int:
    """Return the event time that a frame may span at a speed, in ns; None: as fast as possible."""
    return LONGEST_SPAN_NS if speed is None else min(LONGEST_SPAN_NS, max(1, round(PACED_SPAN_NS * speed)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay sends.

    Parameters
    ----------
    rows : int
        Most ticks in a frame.
    span_ns : int
        Longest event time of a frame.
    by_channel : bool
        Frames of one channel each; False: of all channels, to be sent as JSON ticks.
    sealed : bool
        End with one last capture heartbeat on each channel and partition, so that all ticks become final.
    lookahead_ns, out_of_orderness_ns : int
        Settings of the reading job: their sum is the distance of the seal from the last tick.
    """

    rows: int = 1_000
    span_ns: int = LONGEST_SPAN_NS
    by_channel: bool = True
    sealed: bool = True
    lookahead_ns: int = 250 * NS_PER_MS
    out_of_orderness_ns: int = 1_000 * NS_PER_MS


def frames(ticks: Iterable[Ticks], partitions: int, plan: Plan) -> Iterator[Frame]:
    """Yield the frames of an ordered stream: its ticks, capture heartbeats among them, and the seal."""
    heartbeats = Heartbeats(partitions)
    framing = Framing(plan.rows, plan.span_ns, by_channel=plan.by_channel)
    for batch in ticks:
        yield from framing.step(heartbeats.step(batch))
    if plan.sealed:
        yield from framing.step(heartbeats.seal(plan.lookahead_ns, plan.out_of_orderness_ns))


def shifted(ticks: Iterable[Ticks], now_ns: int) -> Iterator[Ticks]:
    """Move all times so that the first `ts_recv` is at `now_ns`, to the millisecond."""
    delta: int | None = None
    for batch in ticks:
        if not len(batch):
            continue
        if delta is None:
            # Whole milliseconds: times that shared one still do.
            delta = (now_ns - int(batch.rows["ts_recv"][0])) // NS_PER_MS * NS_PER_MS
        rows = copied(batch.rows)
        rows["ts_recv"] += delta
        rows["ts_event"] += np.where(rows["present"] & Present.TS_EVENT, delta, 0)
        yield Ticks(rows, batch.names)


class Sink(Protocol):
    """A consumer of frames: a `kafka.Publisher`."""

    @property
    def partitions(self) -> int:
        """Return the number of partitions."""

    def send(self, frame: Frame) -> None:
        """Take a frame, blocking where necessary."""

    def poll(self, timeout_s: float = 0.0) -> None:
        """Serve delivery reports."""


def replay(
    source: Iterable[Frame],
    sink: Sink,
    speed: float | None,
    clock: Clock,
    progress: Callable[[Frame, int], None] = lambda frame, late_ns: None,
    *,
    fills: bool = True,
) -> Schedule:
    """Hand each frame to the sink when its last tick is due, and send heartbeats on partitions without records.

    Parameters
    ----------
    source : iterable of Frame
        As `frames` gives them.
    sink : Sink
        Takes the frames.
    speed : float or None
        Event time per unit of wall time; None: as fast as the sink takes it, without heartbeats in between.
    clock : Clock
        The wall clock.
    progress : callable, optional
        `(frame, wall ns that it is late)` after each frame.
    fills : bool
        Whether partitions without records get heartbeats in between. Their times are the wall's, so a stream whose bytes must
        be reproducible goes without, and has the heartbeats of each second of event time.

    Returns
    -------
    Schedule
        How late frames were sent.
    """
    errors = Errors()
    if speed is None:
        for frame in source:
            sink.send(frame)
            progress(frame, 0)
        return errors.summary()
    paced = None
    due_ns = _EARLIEST
    for frame in source:
        if paced is None:
            paced = _Paced(sink, clock, Pace(speed, frame.first_ns, clock.now_ns()), fills=fills)
        due_ns = max(due_ns, frame.due_ns)
        late_ns = paced.wait(due_ns, frame)
        paced.send(frame)
        errors.add(late_ns)
        progress(frame, late_ns)
    return errors.summary()


class _Paced:
    """A paced replay under way: when each partition was last written to, and how far heartbeats have advanced."""

    __slots__ = ("_clock", "_filled_ns", "_fills", "_pace", "_sent_ns", "_sink")

    def __init__(self, sink: Sink, clock: Clock, pace: Pace, *, fills: bool) -> None:
        self._sink = sink
        self._clock = clock
        self._pace = pace
        self._fills = fills
        self._sent_ns = [clock.now_ns()] * sink.partitions
        self._filled_ns = _EARLIEST

    def wait(self, due_ns: int, frame: Frame) -> int:
        """Wait until event time `due_ns` is due; return how late it is, in wall ns."""
        while (wait_ns := self._pace.wait_ns(due_ns, now_ns := self._clock.now_ns())) > 0:
            if self._fills:
                self._fill(min(self._pace.event_ns(now_ns), frame.first_ns), now_ns)
            self._sink.poll()
            next_look_ns = min(self._sent_ns) + FILLER_NS - now_ns if self._fills else FILLER_NS
            self._clock.sleep(min(wait_ns, max(next_look_ns, NS_PER_MS)) / NS_PER_SECOND)
        return -wait_ns

    def _fill(self, event_ns: int, now_ns: int) -> None:
        """Send heartbeats where they are due, at an event time that does not pass a tick that is still to be sent."""
        self._filled_ns = max(self._filled_ns, event_ns)
        for partition, sent_ns in enumerate(self._sent_ns):
            if now_ns - sent_ns >= FILLER_NS:
                channel = capture_channel(partition)
                self.send(Frame(channel, beat(channel, self._filled_ns), self._filled_ns, self._filled_ns))

    def send(self, frame: Frame) -> None:
        """Send a frame and record when."""
        self._sink.send(frame)
        now_ns = self._clock.now_ns()
        codes = np.unique(frame.ticks.rows["channel"]) if frame.channel is None else []
        channels = [frame.ticks.names[code] for code in codes] if frame.channel is None else [frame.channel]
        for channel in channels:
            self._sent_ns[partition_of(channel, self._sink.partitions)] = now_ns
