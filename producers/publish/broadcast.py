"""A simulated market published in a thread of its own: the beginning, most of it at full speed, the end at its own pace.

A reader can start on the beginning; the rest is made when the reader has started and no longer needs the processor for that.
Ticks sent at full speed wait in the topic until they are read, so only the end, sent once the reader has caught up, measures the
latency of a tick. A few broken payloads are sent as well.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.publish.broken_payloads import WAYS, Breaker, BreakingPublisher
from producers.publish.framing import Frame, Framing
from producers.publish.kafka import LARGE_FRAMES
from producers.publish.pacing import WallClock
from producers.publish.replay import Plan, replay, span_ns
from producers.simulation.day import simulate
from producers.streams.heartbeats import Heartbeats
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Ticks

TAIL_S = 6.0
TAIL_SHARE = 0.15
"""Largest share of the market that the paced end takes, whatever its seconds."""
GATE_S = 0.1
BEGINNING_NS = 10 * NS_PER_SECOND
SETTLING_NS = 4 * NS_PER_SECOND
"""A reader this close has caught up: a watermark's delay, the lookahead and the second between heartbeats."""


@dataclass(frozen=True, slots=True)
class Programme:
    """What is published: a market, its faults, and how frames are made."""

    market: Market
    faults: Faults
    plan: Plan


class Broadcast(threading.Thread):
    """Publishes a programme; ends by itself, or early by `stop`.

    Parameters
    ----------
    brokers, topic : str
    programme : Programme
    """

    def __init__(self, brokers: str, topic: str, programme: Programme) -> None:
        super().__init__(name="broadcast", daemon=True)
        self._where = brokers, topic
        self._programme = programme
        self._speed = threading.Event()
        self._end = threading.Event()
        self._stopped = threading.Event()
        self._publisher: BreakingPublisher | None = None
        self._clock = WallClock()
        self._frame_ns: list[int] = []
        self._wall_ns: list[int] = []
        self._error: BaseException | None = None
        self._settled = 0
        self.is_waiting = False
        """Whether all but the paced end is published; `send_end` sends that."""
        self.has_paced = False
        """Whether the paced end has begun."""
        self.is_complete = False
        """Whether the broker has confirmed everything."""
        self.labels: list[Label] = []
        """Faults, genuine events and broken payloads; set once everything is published."""

    def run(self) -> None:
        """Publish the programme."""
        try:
            self._publish()
        except _Stopped:
            pass
        except BaseException as error:
            self._error = error

    def check(self) -> None:
        """Raise the error that ended the thread, if one did."""
        if self._error is not None:
            raise self._error

    def send_rest(self) -> None:
        """Let the thread publish all but the paced end at full speed."""
        self._speed.set()

    def send_end(self) -> None:
        """Let the thread publish the paced end."""
        self.is_waiting = False
        self.has_paced = True
        self._end.set()

    def stop(self) -> None:
        """End the thread, wherever it is, and wait until it has ended."""
        self._stopped.set()
        self._speed.set()
        self._end.set()
        if self.is_alive():
            self.join()

    @property
    def ticks(self) -> int:
        """Return the number of ticks that the broker has confirmed."""
        return 0 if self._publisher is None else self._publisher.published.ticks

    @property
    def broken(self) -> int:
        """Return the number of broken payloads sent."""
        return 0 if self._publisher is None else self._publisher.broken

    @property
    def settled(self) -> int:
        """Return how many ticks a reader must have finished to have caught up with all but the end."""
        return self._settled

    def delays_ns(self, times_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return how long ago, in ns of wall time, the paced ticks with capture times `times_ns` were sent."""
        count = len(self._wall_ns)
        if not count:
            return np.zeros(0, np.int64)
        frames, walls = np.array(self._frame_ns[:count]), np.array(self._wall_ns[:count])
        place = np.searchsorted(frames, times_ns, side="right") - 1
        delays: npt.NDArray[np.int64] = self._clock.now_ns() - walls[place[place >= 0]]
        return delays

    def _publish(self) -> None:
        market, plan = self._programme.market, self._programme.plan
        simulation = simulate(market, self._programme.faults)
        length_ns = market.end_ns - market.start_ns
        tail_ns = market.end_ns - round(min(TAIL_S * NS_PER_SECOND, TAIL_SHARE * length_ns))
        breaker = Breaker(market.start_ns + length_ns * (k + 1) // (len(WAYS) + 2) for k in range(len(WAYS)))
        with BreakingPublisher(*self._where, LARGE_FRAMES) as publisher:
            publisher.breaker = breaker
            self._publisher = publisher
            heartbeats = Heartbeats(publisher.partitions)
            batches = iter(simulation)
            first = self._head(batches, tail_ns, heartbeats, publisher)
            self.is_waiting = True
            self._await(self._end, publisher)
            framing = Framing(plan.rows, span_ns(1.0))
            tail = self._frames(self._tail(first, batches), heartbeats, framing)
            replay(self._watched(tail), publisher, 1.0, self._clock, self._sent)
            seal = framing.step(heartbeats.seal(plan.lookahead_ns, plan.out_of_orderness_ns))
            replay(seal, publisher, None, self._clock)
        self.labels = [*simulation.labels, *breaker.labels]
        self.is_complete = True

    def _head(self, batches: Iterator[Ticks], tail_ns: int, heartbeats: Heartbeats, publisher: BreakingPublisher) -> Ticks | None:
        """Send all ticks before `tail_ns` at full speed; return the first batch behind it, if there is one."""
        plan = self._programme.plan
        framing = Framing(plan.rows, plan.span_ns)
        ends: list[tuple[int, int]] = []
        count = 0
        for batch in batches:
            last_ns = int(batch.rows["ts_recv"][-1]) if len(batch) else 0
            if last_ns >= tail_ns:
                return batch
            if last_ns >= self._programme.market.start_ns + BEGINNING_NS:
                self._await(self._speed, publisher)
            replay(self._watched(self._frames([batch], heartbeats, framing)), publisher, None, self._clock)
            count += len(batch)
            ends.append((last_ns, count))
            self._settled = max((ticks for end_ns, ticks in ends if end_ns <= last_ns - SETTLING_NS), default=0)
        return None

    @staticmethod
    def _await(gate: threading.Event, publisher: BreakingPublisher) -> None:
        while not gate.wait(GATE_S):
            publisher.poll()

    def _tail(self, first: Ticks | None, batches: Iterator[Ticks]) -> Iterator[Ticks]:
        if first is not None:
            yield first
        yield from batches

    def _frames(self, batches: Iterator[Ticks] | list[Ticks], heartbeats: Heartbeats, framing: Framing) -> Iterator[Frame]:
        for batch in batches:
            yield from framing.step(heartbeats.step(batch))

    def _watched(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            if self._stopped.is_set():
                raise _Stopped
            yield frame

    def _sent(self, frame: Frame, late_ns: int) -> None:
        # Wall time is appended last: a reader that counts these sees complete pairs.
        self._frame_ns.append(max(frame.first_ns, self._frame_ns[-1] if self._frame_ns else 0))
        self._wall_ns.append(self._clock.now_ns())


class _Stopped(Exception):
    """The thread was asked to end."""
