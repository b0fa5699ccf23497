"""Transport faults of a published stream: broken payloads, a schema that changes for a while, a producer that restarts.

What was in a frame of the wrong schema is lost with it: messages are missing from its channel until the schema is right again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import KafkaError, Message

from producers.market.parameters import Market
from producers.publish.broken_payloads import WAYS, Breaker, Broken, Way
from producers.publish.framing import Frame
from producers.publish.kafka import Publisher
from producers.streams.partitioning import CAPTURE_CHANNEL
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, Kind, is_scored
from tickproof.wire import encode_frame

SCHEMA_LASTS_NS = 2 * NS_PER_SECOND
REPLAYED_NS = 800 * NS_PER_MS
"""How much of a channel is repeated after a restart: less than the allowed out-of-orderness, so that no watermark overtakes
it."""
CHANGES: tuple[Way, ...] = tuple(way for way in WAYS if way.code == "schema_changed")


@dataclass(slots=True)
class Transport:
    """What happens to frames on their way, and when, as a function of the times alone.

    Parameters
    ----------
    breaks_ns, changes_ns, restarts_ns : sequences of int
        Event times, ascending: a broken copy of a frame; another schema on one channel for SCHEMA_LASTS_NS; a producer that died
        and sends the end of its channel again.
    """

    breaks_ns: Sequence[int]
    changes_ns: Sequence[int]
    restarts_ns: Sequence[int]
    labels: list[Label] = field(init=False, default_factory=list)
    lost: int = field(init=False, default=0)
    """Ticks in frames of another schema."""
    _breaker: Breaker = field(init=False)
    _changed: int = field(init=False, default=0)
    _restarted: int = field(init=False, default=0)
    _changing: tuple[str, int, int] = field(init=False, default=("", 0, 0))
    """The channel with another schema, until when, and the index of its label."""
    _sent: dict[str, deque[Frame]] = field(init=False, default_factory=dict)
    """The last frames of each channel."""

    def __post_init__(self) -> None:
        self._breaker = Breaker(self.breaks_ns)

    @classmethod
    def of(cls, market: Market) -> Transport:
        """Plan each way of breaking a frame once, one change of schema and one restart, spread over a market's time."""
        count = len(WAYS) + 2
        times = [market.start_ns + (market.end_ns - market.start_ns) * (place + 1) // (count + 1) for place in range(count)]
        # The change and the restart among the others, so that each has its time for itself.
        return cls([*times[:2], *times[3:5], *times[6:]], times[2:3], times[5:6])

    def step(self, frame: Frame) -> list[Frame | Broken]:
        """Return what to send for a frame, in order."""
        channel = frame.channel
        if channel is None or channel.startswith(CAPTURE_CHANNEL):
            return [frame]
        out: list[Frame | Broken] = [self._in_another_schema(frame, channel) or frame]
        made = self._breaker.step(frame)
        if made is not None:
            self.labels.append(made.label)
            out.append(made)
        if isinstance(out[0], Frame):
            out += self._again(frame, channel)
        return out

    def _in_another_schema(self, frame: Frame, channel: str) -> Broken | None:
        is_due = self._changed < len(self.changes_ns) and frame.first_ns >= self.changes_ns[self._changed]
        if is_due and not self._changing[0]:
            self._changing = channel, frame.first_ns + SCHEMA_LASTS_NS, len(self.labels)
            way = CHANGES[self._changed % len(CHANGES)]
            self._changed += 1
            onset = frame.timestamp_ms * NS_PER_MS
            self.labels.append(_label(f"schema-{self._changed}", way.code, channel, onset, frame.due_ns))
        name, until_ns, place = self._changing
        if channel != name:
            return None
        if frame.first_ns >= until_ns:
            self._changing = "", 0, 0
            return None
        way = CHANGES[(self._changed - 1) % len(CHANGES)]
        payload = encode_frame(frame.ticks)
        value, headers = way.edit(payload.value, payload.headers)
        self.lost += _ticks(frame)
        old, ticks = self.labels[place], _ticks(frame)
        self.labels[place] = _label(f"schema-{self._changed}", old.kind, channel, old.onset, frame.due_ns, old.magnitude + ticks)
        return Broken(channel, value, headers, frame.timestamp_ms, self.labels[place])

    def _again(self, frame: Frame, channel: str) -> list[Frame]:
        kept = self._sent.setdefault(channel, deque())
        kept.append(frame)
        while kept and kept[0].first_ns < frame.first_ns - REPLAYED_NS:
            kept.popleft()
        if self._restarted == len(self.restarts_ns) or frame.first_ns < self.restarts_ns[self._restarted]:
            return []
        self._restarted += 1
        again = list(kept)
        # A copy of the counter's restart would be another restart.
        if any((one.ticks.rows["kind"] == Kind.SESSION).any() for one in again):
            self._restarted -= 1
            return []
        ticks = float(sum(map(_ticks, again)))
        label = _label(f"restart-{self._restarted}", "replayed_block", channel, again[0].first_ns, frame.due_ns, ticks)
        self.labels.append(label)
        return again


def _ticks(frame: Frame) -> int:
    """Return how many ticks of the feed a frame holds."""
    return int(np.count_nonzero(is_scored(frame.ticks.rows)))


def _label(fault_id: str, kind: str, channel: str, onset: int, end: int, magnitude: float = 0.0) -> Label:
    return Label(f"transport-{fault_id}", kind, "channel", channel, "", "", onset, end, end + 2 * NS_PER_SECOND, magnitude)


class FaultyPublisher(Publisher):
    """A publisher whose frames pass through transport faults. Set `transport` before the first frame."""

    transport: Transport = Transport((), (), ())
    broken: int = 0

    def send(self, frame: Frame) -> None:
        """Send what becomes of a frame on its way."""
        for made in self.transport.step(frame):
            if isinstance(made, Frame):
                super().send(made)
            else:
                self.broken += 1
                self._send_broken(made)

    def _send_broken(self, made: Broken) -> None:
        headers: list[tuple[str, str | bytes | None]] = list(made.headers.items())
        self._produce(made.key, made.value, made.timestamp_ms, headers, lambda error, message: self._broken(error, message))

    def _broken(self, error: KafkaError | None, message: Message) -> None:
        self._delivered("", 0, 0, error, message)
