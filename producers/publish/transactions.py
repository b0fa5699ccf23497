"""Publishing in transactions: a replay that is killed and restarted continues where readers of committed records stand.

Each transaction holds some frames and, as its last record, how far the replay has come. The next start of the same replay ends
what the last one left open, reads how far that had come, and sends the rest. When a transaction ends is the wall's to say, and
changes no byte of any record.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import google_crc32c
import msgspec
from confluent_kafka import KafkaError, KafkaException, Message

from producers.publish.committed_progress import Progress, Setting, encode, read, topic_id
from producers.publish.framing import Frame
from producers.publish.kafka import FLUSH_TIMEOUT_S, Published, Publisher
from tickproof.errors import InputError, ServiceError, SettingsError

COMMIT_EVERY_S = 0.5
"""Time between commits: the delay until records are visible, and what a killed replay sends again."""
TIMEOUT_MS = 60_000
"""The broker aborts a transaction that is open for this long: its replay has ended."""
ABORT_S = 10.0
ANSWER_S = 20.0
"""Time-out of one request; it is repeated as long as delivery may take."""
FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
"""Errors that a producer gets when another has taken over its transactional id."""


class ResumablePublisher(Publisher):
    """A publisher whose replay can be killed and restarted. Started twice at once, the first ends with an error.

    Parameters
    ----------
    brokers, topic : str
        See `Publisher`.
    progress_topic : str
        Full name of the existing topic replay.progress.
    name : str
        Name of the replay: with the topic it identifies the earlier start to continue.
    configuration : mapping, optional
        Overrides `kafka.CONFIGURATION`.

    Raises
    ------
    ServiceError
        See `Publisher`.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        progress_topic: str,
        name: str,
        configuration: Mapping[str, str | int | bool] | None = None,
    ) -> None:
        self.name = name
        self._key = f"{topic}/{name}"
        self._progress_topic = progress_topic
        transactional: dict[str, str | int | bool] = {
            "transactional.id": f"tickproof.replay.{self._key}",
            "transaction.timeout.ms": TIMEOUT_MS,
        }
        # Records of a transaction must be delivered before it times out.
        transactional |= {"delivery.timeout.ms": TIMEOUT_MS}
        super().__init__(brokers, topic, {**(configuration or {}), **transactional})
        self._is_open = False
        self._begun_s = 0.0
        self._noted: list[str | None] = []
        self._settle(lambda: self._producer.init_transactions(ANSWER_S))
        self._topic_id = topic_id(brokers, topic)
        self._start = self._sofar = self._new("", {}, 0, None)

    @property
    def start(self) -> Progress:
        """Return what earlier starts have committed; in force once `begin` has been called."""
        return self._start

    def begin(self, inputs: str, settings: Mapping[str, Setting], span_ns: int, now_ns: int | None) -> Progress:
        """Continue the earlier start of this replay, if there was one.

        Parameters
        ----------
        inputs, settings, span_ns, now_ns
            Values of `Progress` for this start. The first start's `span_ns` and `now_ns` stay in force.

        Returns
        -------
        Progress
            Which frames are there already, and what the rest has to be made with.

        Raises
        ------
        InputError
            The recordings are not those of the earlier start.
        SettingsError
            An option that decides what is sent is not as it was.
        """
        earlier = read(self.brokers, self._progress_topic, self._key)
        fresh = self._new(inputs, settings, span_ns, now_ns)
        if earlier is None or earlier.topic_id != fresh.topic_id:
            # Another topic of the same name holds nothing of what was sent to the one that was deleted.
            self._start = self._sofar = fresh
            return fresh
        self._compare(earlier, fresh)
        self._start = self._sofar = earlier
        return earlier

    def rest(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames that no earlier start has committed.

        Raises
        ------
        InputError
            What is there already is not the beginning of `frames`.
        """
        if self._start.is_complete:
            return
        digest, count = 0, 0
        for frame in frames:
            if count < self._start.frames:
                digest = _digest(digest, frame)
                count += 1
                if count == self._start.frames and digest != self._start.digest:
                    break
                continue
            yield frame
        if count < self._start.frames or digest != self._start.digest:
            raise InputError(
                f"{self._replay}: the first {self._start.frames} frames that these recordings give are not those that are there "
                f"(digest {digest:08x}, expected {self._start.digest:08x}); use the version that began it, or an empty topic"
            )

    def send(self, frame: Frame) -> None:
        """Send a frame as `Publisher.send` does, in a transaction."""
        if not self._is_open:
            self._open()
        super().send(frame)
        self._sofar = msgspec.structs.replace(
            self._sofar, frames=self._sofar.frames + 1, digest=_digest(self._sofar.digest, frame)
        )
        self._commit_if_due()

    def poll(self, timeout_s: float = 0.0) -> None:
        """Serve delivery reports, and commit a transaction that has been open for long enough."""
        super().poll(timeout_s)
        self._commit_if_due()

    def close(self) -> Published:
        """Commit the rest, and record that nothing is left."""
        if not self._sofar.is_complete:
            if not self._is_open:
                self._open()
            self._sofar = msgspec.structs.replace(self._sofar, is_complete=True)
            self._commit()
        return super().close()

    def leave(self) -> None:
        """Drop what is not committed."""
        super().leave()
        if self._is_open:
            # If this fails, the broker ends the transaction, or the next start does.
            with contextlib.suppress(KafkaException):
                self._producer.abort_transaction(ABORT_S)

    def _new(self, inputs: str, settings: Mapping[str, Setting], span_ns: int, now_ns: int | None) -> Progress:
        mine = {**settings, "partitions": self.partitions}
        return Progress(topic=self.topic, topic_id=self._topic_id, inputs=inputs, settings=mine, span_ns=span_ns, now_ns=now_ns)

    def _compare(self, earlier: Progress, fresh: Progress) -> None:
        """Raise unless the rest would continue what is there."""
        advice = "start it with the same options, or give another --name to send everything again"
        if earlier.inputs != fresh.inputs:
            raise InputError(
                f"{self._replay}: the recordings are not those it was begun with (digest {fresh.inputs}, expected "
                f"{earlier.inputs}); {advice}"
            )
        wrong = [
            f"{option}: found {fresh.settings.get(option)}, expected {earlier.settings.get(option)}"
            for option in sorted({*earlier.settings, *fresh.settings})
            if earlier.settings.get(option) != fresh.settings.get(option)
        ]
        if (earlier.now_ns is None) != (fresh.now_ns is None):
            wrong.append(f"shift-to-now: found {fresh.now_ns is not None}, expected {earlier.now_ns is not None}")
        if wrong:
            raise SettingsError(f"{self._replay}: {'; '.join(wrong)}, as it was begun; {advice}")

    def _open(self) -> None:
        self._settle(self._producer.begin_transaction)
        self._is_open = True
        self._begun_s = time.monotonic()

    def _commit_if_due(self) -> None:
        if self._is_open and time.monotonic() - self._begun_s >= COMMIT_EVERY_S:
            self._commit()

    def _commit(self) -> None:
        """Confirm everything sent, record the progress, and make both visible at once."""
        self._sofar = msgspec.structs.replace(
            self._sofar,
            messages=self._start.messages + self._sent,
            ticks=self._start.ticks + self._sent_ticks,
            heartbeats=self._start.heartbeats + self._sent_heartbeats,
        )
        self._noted.clear()
        self._settle(
            lambda: self._producer.produce(self._progress_topic, encode(self._sofar), self._key, 0, on_delivery=self._note)
        )
        missing = self._serve(self._producer.flush, FLUSH_TIMEOUT_S)
        self._check()
        if missing or self._messages != self._sent or self._noted != [None]:
            said = ", ".join(filter(None, self._noted)) or f"{self._messages} of {self._sent} records confirmed"
            raise ServiceError(f"{self._replay}: the transaction was not delivered: {said}; check the broker, and resume")
        self._settle(lambda: self._producer.commit_transaction(ANSWER_S))
        self._is_open = False

    def _note(self, error: KafkaError | None, _message: Message) -> None:
        self._noted.append(None if error is None else error.str())

    def _settle(self, act: Callable[[], object]) -> None:
        """Change the state of the transaction, again where the broker asks for it."""
        deadline = time.monotonic() + FLUSH_TIMEOUT_S
        while True:
            try:
                act()
            except BufferError:
                self._serve(self._producer.poll, 0.05)
            except KafkaException as error:
                reason = error.args[0]
                if reason.retriable() and not reason.txn_requires_abort() and time.monotonic() < deadline:
                    continue
                self._check_fenced(reason)
                self._check_reports()
                raise ServiceError(
                    f"{self._replay}: its transaction failed ({reason.str()}); check the broker, and resume"
                ) from error
            else:
                return

    def _check(self) -> None:
        if self._fatal is not None:
            self._check_fenced(self._fatal)
        super()._check()

    def _check_fenced(self, error: KafkaError) -> None:
        if error.code() in FENCED:
            self._is_open = False
            raise ServiceError(f"{self._replay}: another process has taken over this replay; this one ends")

    @property
    def _replay(self) -> str:
        return f"replay {self.name} into topic {self.topic} on {self.brokers}"


def _digest(before: int, frame: Frame) -> int:
    digest: int = google_crc32c.extend(before, frame.ticks.rows.tobytes())
    return digest
