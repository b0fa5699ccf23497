"""A simulated stream on a real broker: what is there is what the labels say, transport faults included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from commands.simulate.simulate import command
from jobs.kafka import topics
from jobs.services.broker import Broker
from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.publish.broken_payloads import WAYS
from producers.publish.framing import Framing
from producers.publish.transport_faults import CHANGES, REPLAYED_NS, SCHEMA_LASTS_NS, Transport
from producers.simulation.day import simulate, simulate_all
from tests.publish.test_publish import consume, headers
from tickproof.errors import WireError
from tickproof.findings import label
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Ticks, concat, is_scored
from tickproof.wire import decode_frame, decode_json, detect

MARKET = Market(seed=3, minutes=0.4, symbols=12)


def test_all_but_what_a_wrong_schema_held_arrives_and_labels_say_what_does_not(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    topics.create(broker.brokers, prefix, 4, ["ticks.raw"])
    arguments = ["--seed", "3", "--minutes", "0.4", "--symbols", "12", "--faults-per-kind", "1", "--json"]
    arguments += ["--brokers", broker.brokers, "--prefix", prefix, "--out", str(tmp_path)]
    summary = json.loads(CliRunner().invoke(command, arguments, catch_exceptions=False).stdout)
    good, refused = [], []
    for message in consume(broker.brokers, prefix + "ticks.raw"):
        value = message.value() or b""
        try:
            if detect(value, headers(message)) == "json":
                ((_, error),) = decode_json([value]).errors
                raise error
            good.append(decode_frame(value, headers(message), message.key()))
        except WireError as error:
            refused.append((error.schema_changed, (message.key() or b"").decode()))
    assert len(refused) == summary["broken"]
    ticks = concat(good)
    arrived = ticks.rows[is_scored(ticks.rows)]
    sent, labels = simulate_all(MARKET, Faults(seed=3, per_kind=1))
    found = label.from_csv((tmp_path / "labels.csv").read_text())
    transport = [one for one in found if one.fault_id.startswith(("transport-", "broken-"))]
    assert sorted(one.fault_id for one in found if one not in transport) == sorted(one.fault_id for one in labels)
    again = sum(one.magnitude for one in transport if one.kind == "replayed_block")
    assert summary["lost"] > 0
    assert again > 0
    assert len(arrived) == summary["ticks"] == len(sent) - summary["lost"] + again
    # What was in the wrong schema is what is missing.
    (changed,) = [one for one in transport if one.fault_id == "transport-schema-1"]
    assert changed.magnitude == summary["lost"]
    assert sum(is_schema and channel == changed.channel for is_schema, channel in refused) >= 2
    assert {one.kind for one in transport} == {"payload_unreadable", "schema_changed", "replayed_block"}


def frames_of(market: Market, faults: Faults | None = None) -> list[object]:
    framing = Framing(1_000, NS_PER_SECOND // 4)
    return [frame for batch in simulate(market, faults) for frame in framing.step(batch)]


@pytest.fixture(scope="module")
def carried() -> tuple[Transport, list[tuple[object, list[object]]]]:
    transport = Transport.of(MARKET)
    return transport, [(frame, transport.step(frame)) for frame in frames_of(MARKET)]  # type: ignore[arg-type,misc]


def of_kind(transport: Transport, start: str) -> list[Label]:
    return [found for found in transport.labels if found.fault_id.startswith(start)]


def test_each_way_of_breaking_is_there_once_and_schema_and_restart_besides(carried: tuple[Transport, list]) -> None:  # type: ignore[type-arg]
    transport, _ = carried
    assert sorted(found.kind for found in of_kind(transport, "broken-")) == sorted(way.code for way in WAYS)
    assert len(of_kind(transport, "transport-schema")) == len(of_kind(transport, "transport-restart")) == 1
    assert len({found.fault_id for found in transport.labels}) == len(transport.labels)
    assert label.from_csv(label.to_csv(transport.labels)) == transport.labels


def test_frames_of_another_schema_are_those_of_one_channel_in_the_labels_window(carried: tuple[Transport, list]) -> None:  # type: ignore[type-arg]
    transport, steps = carried
    (changed,) = of_kind(transport, "transport-schema")
    lost = [frame for frame, out in steps if frame not in out]
    assert sum(len(frame.ticks) for frame in lost) == transport.lost == changed.magnitude
    assert {frame.channel for frame in lost} == {changed.channel}
    times = np.concatenate([frame.ticks.rows["ts_recv"] for frame in lost])
    assert changed.onset <= times.min()
    assert times.max() <= changed.end <= changed.onset + 2 * SCHEMA_LASTS_NS
    assert changed.kind == CHANGES[0].code


def test_a_restart_sends_the_end_of_its_channel_again(carried: tuple[Transport, list]) -> None:  # type: ignore[type-arg]
    transport, steps = carried
    (restart,) = of_kind(transport, "transport-restart")
    ((frame, out),) = [(frame, out) for frame, out in steps if sum(hasattr(one, "ticks") for one in out) > 1]
    assert out[0] is frame
    again = concat([Ticks(one.ticks.rows, one.ticks.names) for one in out[1:] if hasattr(one, "ticks")]).rows
    assert len(again) == restart.magnitude
    assert frame.channel == restart.channel
    assert restart.onset == again["ts_recv"][0]
    assert again["ts_recv"].max() <= restart.end
    assert frame.first_ns - restart.onset <= REPLAYED_NS


def test_nothing_happens_to_a_stream_without_faults() -> None:
    transport = Transport((), (), ())
    sent = list(frames_of(MARKET))
    assert sent
    assert all(transport.step(frame) == [frame] for frame in sent)  # type: ignore[arg-type]
    assert transport.labels == []
