"""The run of the demonstration: broker, job and market start together and end once every tick is scored."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.demo.view import View
from jobs.flink.embedded import SHORT_LIVED, EmbeddedJob
from jobs.kafka import topics
from jobs.services import processes
from jobs.services.broker import Broker
from jobs.services.java import environment
from tickproof.errors import ServiceError
from tickproof.settings import Settings

if TYPE_CHECKING:
    # These take seconds to import; there is time for them while the broker and the job start.
    from jobs.kafka.audit_account import Audit
    from jobs.kafka.follow_findings import Follower
    from producers.publish.broadcast import Broadcast, Programme

RAW = "ticks.raw"
FINDINGS = "findings.jsonl"
REFERENCE = "reference.json"
EPISODES_PER_MINUTE = 2.5
LOOK_EVERY_S = 0.2
STALLED_S = 60.0
"""A job that scores nothing for this long is given up."""
START_S = 120.0
"""How long the first scored tick may take: busy machines are slow, and a first run compiles."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The parameters of the run.

    Parameters
    ----------
    seed, minutes
        Parameters of the market and its faults.
    settings : Settings
        `brokers` says on which port the broker is to listen.
    folder : Path
        Folder for all output.
    """

    seed: int
    minutes: float
    settings: Settings
    folder: Path

    @property
    def clean(self) -> Path:
        """Return the folder of the scan of the same market without faults."""
        return self.folder / "clean"

    @property
    def reference(self) -> Path:
        """Return the file with the reference data of the market."""
        return self.folder / REFERENCE


@dataclass(frozen=True, slots=True)
class Played:
    """The result of a run."""

    broadcast: Broadcast
    follower: Follower
    audit: Audit
    restarts: int
    seconds: float
    """Seconds from the start until every tick was scored."""


def play(demo: Demo, view: View) -> Played:
    """Run the demonstration. When this returns or raises, none of its processes is left.

    Raises
    ------
    ServiceError
        Something did not start, or ended, or stalled.
    """
    with _quiet_end() as services, _quiet_end() as pipeline:
        # The job's process first: it takes longest to get ready, and waits for the broker and the topics by itself.
        view.show("starting broker and job")
        job = EmbeddedJob.start(demo.settings, demo.folder / "job")
        pipeline.callback(job.stop)
        listing = threading.Thread(target=_write_reference, args=[demo], daemon=True)
        listing.start()
        port = int(demo.settings.brokers.rpartition(":")[2])
        broker = pipeline.enter_context(Broker.start(demo.folder / "broker", port, java_options=SHORT_LIVED))
        topics.create(broker.brokers, demo.settings.prefix)
        from producers.publish.broadcast import Broadcast

        listing.join()
        broadcast = Broadcast(demo.settings.brokers, demo.settings.prefix + RAW, _programme(demo))
        broadcast.start()
        pipeline.callback(broadcast.stop)
        view.show("starting the job")
        from jobs.kafka.follow_findings import Follower

        follower = pipeline.enter_context(Follower(broker.brokers, demo.settings.prefix))
        clean: processes.Service | None = None
        pace = _Pace(job, broadcast, follower, view)
        while not pace.is_over:
            pace.step()
            if clean is None and follower.has_scored:
                clean = _clean_run(demo)
                services.callback(clean.kill)
        restarts = pace.restarts()
        seconds = view.status.elapsed_s
        job.stop()
        view.show("auditing")
        from jobs.kafka.audit import audit

        found = audit(broker.brokers, demo.settings.prefix)
        pipeline.close()
        view.show("judging the same market without faults")
        _await(clean, demo, view)
        return Played(broadcast, follower, found, restarts, seconds)


class _Pace:
    """Follows the run, sends the market's end when the job has caught up, and says when the run is over."""

    def __init__(self, job: EmbeddedJob, broadcast: Broadcast, follower: Follower, view: View) -> None:
        self._job, self._broadcast, self._follower, self._view = job, broadcast, follower, view
        self._moved_s = time.monotonic()
        self._allowed_s = START_S

    @property
    def is_over(self) -> bool:
        """Return whether every tick is scored, and every broken payload dead-lettered."""
        broadcast, follower = self._broadcast, self._follower
        done = follower.ticks >= broadcast.ticks and follower.dead >= broadcast.broken
        return broadcast.is_complete and done

    def step(self) -> None:
        """Look once, show the status, and wait a moment."""
        begun_s = time.monotonic()
        self._broadcast.check()
        self._job.check()
        status, new = self._view.status, self._follower.look()
        for ticks in new:
            status.delays_ns.append(self._broadcast.delays_ns(ticks.rows["ts_recv"]))
        status.published, status.broken = self._broadcast.ticks, self._broadcast.broken
        status.dead, status.by_code = self._follower.dead, self._follower.by_code
        status.count(self._follower.ticks, has_scored=self._follower.has_scored)
        if self._follower.has_scored:
            self._broadcast.send_rest()
        if new:
            self._moved_s, self._allowed_s = begun_s, STALLED_S
        if self._broadcast.is_waiting and self._follower.ticks >= self._broadcast.settled:
            status.caught_up()
            self._broadcast.send_end()
        self._view.show(self._stage())
        if begun_s - self._moved_s > self._allowed_s:
            raise ServiceError(
                f"the job scored nothing for {self._allowed_s:.0f} s: {self._why()}; its log is {self._job.service.log}"
            )
        time.sleep(max(0.0, LOOK_EVERY_S - (time.monotonic() - begun_s)))

    def restarts(self) -> int:
        """Return how often the job failed and was restarted."""
        rest = self._job.rest()
        return rest[0].failures(rest[1]) if rest else 0

    def _stage(self) -> str:
        if not self._follower.has_scored:
            return "starting the job"
        if self._broadcast.is_waiting or not self._broadcast.has_paced:
            return "streaming at speed"
        return "waiting for the last ticks" if self._broadcast.is_complete else "streaming at the market's own pace"

    def _why(self) -> str:
        rest = self._job.rest()
        return (rest[0].cause(rest[1]) if rest else None) or "no failure reported"


def _programme(demo: Demo) -> Programme:
    from producers.faults.table import Faults
    from producers.market.parameters import Market
    from producers.publish.broadcast import Programme
    from producers.publish.replay import Plan
    from tickproof.ticks.schema import NS_PER_MS

    settings = demo.settings
    episodes = max(1, min(5, round(EPISODES_PER_MINUTE * demo.minutes)))
    return Programme(
        Market.varied(demo.seed, "evaluate", minutes=demo.minutes),
        Faults.varied(demo.seed, "evaluate", per_kind=episodes),
        Plan(lookahead_ns=settings.lookahead_ms * NS_PER_MS, out_of_orderness_ns=settings.out_of_orderness_ms * NS_PER_MS),
    )


def _write_reference(demo: Demo) -> None:
    """Write the reference data, once a first pass over the market has shown which symbols will be listed."""
    from producers.market.reference import reference
    from producers.simulation.day import simulate

    programme = _programme(demo)
    simulation = simulate(programme.market, programme.faults)
    for _ in simulation:
        pass
    part = demo.folder / f".{REFERENCE}.part"
    part.write_text(json.dumps(reference(programme.market, simulation.labels)), encoding="ascii")
    part.replace(demo.reference)


def _clean_run(demo: Demo) -> processes.Service:
    said = {
        "seed": demo.seed,
        "minutes": demo.minutes,
        "settings": demo.settings.model_dump(mode="json", exclude_unset=True),
        "folder": str(demo.clean),
    }
    command = [sys.executable, "-m", "commands.evaluation.clean_run", json.dumps(said)]
    log = demo.folder / "clean.log"
    return processes.Service.start("the run without faults", command, log, environment=environment() | {"OMP_NUM_THREADS": "1"})


def _await(clean: processes.Service | None, demo: Demo, view: View) -> None:
    if clean is None:
        return
    while clean.running():
        view.show()
        time.sleep(LOOK_EVERY_S)
    if not (demo.clean / FINDINGS).exists():
        raise ServiceError(f"the run without faults failed: {processes.last_cause(clean.said())}; its log is {clean.log}")


@contextmanager
def _quiet_end() -> Iterator[ExitStack]:
    """Ignore further signals while a stack of services is unwound: a second Ctrl-C must not leave half of it running."""
    with ExitStack() as stack:
        try:
            yield stack
        finally:
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                stack.close()
            finally:
                signal.signal(signal.SIGINT, before)
