"""The stream that everything is measured on: a simulated market with faults, the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.publish.framing import Frame
from producers.publish.kafka import LARGE_FRAMES, Published, Publisher
from producers.publish.replay import Plan, frames
from producers.simulation.day import simulate
from tickproof.ticks.schema import Ticks, concat

SEED = 20
FAULTS_PER_MILLION = 6.0
"""Episodes of each kind a million ticks: the density of the demo."""
TICKS_PER_MINUTE = 350_000
"""Of the default market, a little less than it gives."""


def make(ticks: int) -> Ticks:
    """The first so many ticks of the market."""
    market = Market(seed=SEED, minutes=ticks / TICKS_PER_MINUTE + 0.5)
    parts, count = [], 0
    for batch in simulate(market, Faults(seed=SEED, per_kind=0, per_million=FAULTS_PER_MILLION)):
        parts.append(batch)
        count += len(batch)
        if count >= ticks:
            break
    return concat(parts).take(slice(0, ticks))


def save(ticks: Ticks, folder: Path) -> None:
    """Put the ticks where other processes find them."""
    np.save(folder / "rows.npy", ticks.rows)
    (folder / "names.txt").write_text("\n".join(ticks.names), encoding="utf-8")


def load(folder: Path, count: int | None = None) -> Ticks:
    """What `save` put there, or its beginning."""
    rows = np.load(folder / "rows.npy")[:count]
    return Ticks(rows, tuple((folder / "names.txt").read_text(encoding="utf-8").split("\n")))


def publish(brokers: str, topic: str, ticks: Ticks, *, rows: int, encoding: str) -> Published:
    """Publish the ticks, sealed, as fast as the broker takes them."""
    plan = Plan(rows=rows, by_channel=encoding == "frames")
    with Publisher(brokers, topic, LARGE_FRAMES if encoding == "frames" else None) as publisher:
        for frame in frames(batches(ticks), publisher.partitions, plan):
            publisher.send(frame)
    return publisher.published


def batches(ticks: Ticks, size: int = 20_000) -> Iterator[Ticks]:
    """The ticks in pieces."""
    for start in range(0, len(ticks), size):
        yield ticks.take(slice(start, start + size))


def frames_of(ticks: Ticks, rows: int) -> list[Frame]:
    """The frames that `publish` would send, without our own heartbeats."""
    return [
        frame for frame in frames(batches(ticks), 1, Plan(rows=rows)) if frame.channel and not frame.channel.startswith("capture")
    ]
