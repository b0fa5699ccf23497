"""How fast a topic grows: its end offsets sampled while a job runs, translated to ticks afterwards; and processor time beside it.

Nothing reads the output while it is measured, so that a reader costs nothing. Output counts when the broker has it, before its
transaction is committed: commits come in bursts, the rate does not.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import psutil
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

SAMPLE_S = 0.2
STEADY = (0.2, 0.95)
"""The steady state: from where so much of the ticks is out, when Java has compiled what is hot, to shortly before the end."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: when, ends of the partitions, processor seconds so far of Python, the job's JVM and the broker."""

    at_s: float
    ends: tuple[int, ...]
    cpu_s: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Steady:
    """What was measured.

    Parameters
    ----------
    ticks : int
        All ticks that came out.
    ticks_per_s : float
        In the steady state.
    start_s : float
        From the submission to the first tick that came out.
    cpu_us : (float, float, float)
        Processor time a tick in the steady state, of Python, the job's JVM and the broker, in microseconds.
    """

    ticks: int
    ticks_per_s: float
    start_s: float
    cpu_us: tuple[float, float, float]

    def fields(self) -> dict[str, object]:
        """As a result's fields."""
        return {
            "ticks": self.ticks,
            "ticks_per_s": self.ticks_per_s,
            "start_s": self.start_s,
            "cpu_us_per_tick": dict(zip(("python", "jvm", "broker"), self.cpu_us, strict=True)),
        }


class Progress:
    """Samples a topic from its making until `steady` is asked for; a context manager.

    Parameters
    ----------
    brokers, topic : str
    broker_pid : int
        Whose processor time the broker's is.
    """

    def __init__(self, brokers: str, topic: str, broker_pid: int) -> None:
        self._brokers = brokers
        self._topic = topic
        self._broker = psutil.Process(broker_pid)
        self._samples: list[Sample] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Progress:
        self._started_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def steady(self, counted: bool) -> Steady:
        """The result, after the end; `counted`: messages say in a header how many ticks they hold, else each is one."""
        counts = self._counts() if counted else None
        if counts is None:
            ticks = np.array([sum(sample.ends) for sample in self._samples])
        else:
            ticks = np.array([_ticks(counts, sample.ends) for sample in self._samples])
        at = np.array([sample.at_s for sample in self._samples])
        first = int(np.argmax(ticks > 0))
        low, high = np.searchsorted(ticks, [share * ticks[-1] for share in STEADY])
        span, done = at[high] - at[low], ticks[high] - ticks[low]
        used = np.subtract(self._samples[high].cpu_s, self._samples[low].cpu_s)
        return Steady(int(ticks[-1]), float(done / span), float(at[first] - self._started_s), tuple((1e6 * used / done).tolist()))

    def _watch(self) -> None:
        consumer = _consumer(self._brokers)
        partitions = [
            TopicPartition(self._topic, part) for part in consumer.list_topics(self._topic).topics[self._topic].partitions
        ]
        me = psutil.Process()
        last = False
        while not last:
            last = self._end.wait(SAMPLE_S)
            try:
                ends = tuple(consumer.get_watermark_offsets(part, timeout=10)[1] for part in partitions)
            except KafkaException:
                # A topic that was made a moment ago has no leader yet.
                continue
            self._samples.append(Sample(time.monotonic(), ends, _cpu(me, self._broker)))
        consumer.close()

    def _counts(self) -> list[npt.NDArray[np.int64]]:
        """Ticks before each offset, a partition each."""
        ends = self._samples[-1].ends
        counts = [np.zeros(end + 1, np.int64) for end in ends]
        for message in messages(self._brokers, self._topic, committed=False):
            counts[int(message.partition() or 0)][int(message.offset() or 0) + 1] = rows(message)
        return [np.cumsum(count) for count in counts]


def _ticks(counts: list[npt.NDArray[np.int64]], ends: tuple[int, ...]) -> int:
    """How many ticks lie before the ends; what comes behind the last message are marks of transactions."""
    return sum(int(count[min(end, len(count) - 1)]) for count, end in zip(counts, ends, strict=True))


def rows(message: Message) -> int:
    """How many ticks a message holds, as its header says."""
    return int(headers(message)["rows"])


def headers(message: Message) -> dict[str, bytes]:
    """The headers of a message that we wrote."""
    found = message.headers()
    return {name: value for name, value in found if isinstance(value, bytes)} if isinstance(found, list) else {}


def messages(brokers: str, topic: str, *, committed: bool) -> list[Message]:
    """All messages of a topic."""
    consumer = _consumer(brokers, "read_committed" if committed else "read_uncommitted")
    partitions = [TopicPartition(topic, part, 0) for part in consumer.list_topics(topic).topics[topic].partitions]
    consumer.assign(partitions)
    found, ended = [], 0
    while ended < len(partitions):
        for message in consumer.consume(1000, 1.0):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended += 1
    consumer.close()
    return found


def _consumer(brokers: str, isolation: str = "read_uncommitted") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "bench",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "fetch.message.max.bytes": 32 * 1024 * 1024,
        }
    )


def _cpu(me: psutil.Process, broker: psutil.Process) -> tuple[float, float, float]:
    """Processor seconds of Python (this process and workers), of the job's JVM, and of the broker."""
    python, java = _seconds(me), 0.0
    for child in me.children(recursive=True):
        try:
            if child.pid == broker.pid:
                continue
            if child.name() == "java":
                java += _seconds(child)
            else:
                python += _seconds(child)
        except psutil.NoSuchProcess:
            continue
    return python, java, _seconds(broker)


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
