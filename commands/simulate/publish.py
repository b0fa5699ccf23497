"""`tickproof simulate --brokers`: a simulated stream straight to Kafka, with its labels in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from producers.market.parameters import Market
from producers.publish.framing import Frame
from producers.publish.kafka import LARGE_FRAMES
from producers.publish.pacing import WallClock
from producers.publish.replay import Plan, frames, replay
from producers.publish.transport_faults import FaultyPublisher, Transport
from producers.simulation.day import Simulation
from producers.streams.prefetch import ahead
from tickproof.errors import SettingsError
from tickproof.findings import label
from tickproof.settings import Settings
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, Ticks

TOPIC = "ticks.raw"
FRAME_SPAN_NS = NS_PER_SECOND // 2
"""Longest event time of a frame, and so of what one broken frame affects. Half of it costs 100 ns a tick, twice saves 50."""


def publish(
    batches: Iterator[Ticks], simulation: Simulation, market: Market, settings: Settings, out: Path | None
) -> dict[str, Any]:
    """Publish a stream as frames, with transport faults if it has faults, and write its labels.

    Parameters
    ----------
    batches : iterator of Ticks
        Batches of the simulation.
    out : Path or None
        Folder for labels.csv; None: labels are not written.

    Returns
    -------
    dict
        What the broker has confirmed, and where labels are.

    Raises
    ------
    ServiceError
        No broker, no topic, or a record was not delivered.
    SettingsError
        The folder cannot be written.
    """
    plan = Plan(
        span_ns=FRAME_SPAN_NS,
        lookahead_ns=settings.lookahead_ms * NS_PER_MS,
        out_of_orderness_ns=settings.out_of_orderness_ms * NS_PER_MS,
    )
    transport = Transport.of(market) if simulation.has_faults else Transport((), (), ())
    with FaultyPublisher(settings.brokers, settings.prefix + TOPIC, LARGE_FRAMES) as publisher:
        publisher.transport = transport
        # The market is made while what there is of it is encoded and sent.
        with ahead(batches) as made:
            source: Iterator[Frame] = frames(made, publisher.partitions, plan)
            replay(source, publisher, None, WallClock())
        published = publisher.close()
    labels = sorted([*simulation.labels, *transport.labels], key=lambda found: (found.onset, found.fault_id))
    summary = asdict(published) | {"broken": publisher.broken, "lost": transport.lost, "topic": publisher.topic}
    if out is not None:
        write_labels(out, label.to_csv(labels))
        summary["labels_file"] = str(out / "labels.csv")
    return summary | {"labels": labels}


def write_labels(out: Path, text: str) -> None:
    """Write labels.csv, which gets its name once it is complete."""
    part = out / ".labels.csv.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="ascii")
        os.replace(part, out / "labels.csv")
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"simulate: cannot write to {out} ({reason}); choose another --out or make room") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
