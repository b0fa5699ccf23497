"""A shard's state as bytes: what is in use and no more, and a shard that goes on from it goes on as if nothing had been."""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jobs.pipeline.journal import _Snapshot, pack_shard, unpack_shard
from jobs.pipeline.settings import PipelineSettings
from jobs.pipeline.workers import END_NS, ChannelWorker, ShardWorker, routed
from tests.support import fuzz
from tests.support.streams import Tape
from tickproof.channel import step as channels
from tickproof.findings.finding import VERDICT, encode
from tickproof.instrument.record import INSTRUMENT
from tickproof.rules import VERSION
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardResult, ShardSettings
from tickproof.ticks.reorder_buffer import ReorderBuffer
from tickproof.ticks.schema import Ticks, empty


def stepped(state: ShardState, ticks: Ticks) -> ShardResult:
    """The next ticks, which come in order, up to their last."""
    rows = ticks.rows.copy()
    rows["event_time"] = rows["ts_recv"]
    return scoring.step(state, Ticks(rows, ticks.names), int(rows["ts_recv"][-1]), ShardSettings())


@pytest.mark.parametrize("ticks", [1, 2_000])
def test_a_restored_shard_goes_on_as_before(ticks: int) -> None:
    before = stepped(ShardState.new(), fuzz.calm(0, ticks)).state
    restored, waiting = unpack_shard(pack_shard(before, fuzz.calm(7, 3)), "none")
    assert len(waiting) == 3
    following = fuzz.calm(ticks, 3_000), fuzz.calm(ticks + 3_000, 500, ".new")
    for part in following:
        one, other = stepped(before, part), stepped(restored, part)
        for name in VERDICT.names or ():
            np.testing.assert_array_equal(one.verdicts[name], other.verdicts[name])
        np.testing.assert_array_equal(one.features, other.features)
        before, restored = one.state, other.state
    assert before.registry.instruments == restored.registry.instruments
    count = before.count
    assert before.instruments[:count].tobytes() == restored.instruments[:count].tobytes()


def test_a_snapshot_holds_the_rows_in_use() -> None:
    # 14 instruments, then 10 more: there is room for 28.
    state = stepped(stepped(ShardState.new(), fuzz.calm(0, 14)).state, fuzz.calm(14, 2_000)).state
    known = len(fuzz.VENUES) * len(fuzz.SYMBOLS)
    assert len(state.instruments) > known == state.count
    snapshot = msgspec.msgpack.decode(pack_shard(state, empty()), type=_Snapshot)
    assert len(snapshot.arrays["instruments"]) == known * INSTRUMENT.itemsize
    assert len(snapshot.arrays["heads"]) == len(fuzz.SYMBOLS) * 8
    assert np.frombuffer(snapshot.arrays["channel_of"], np.int64).tolist() == state.channel_of[:known].tolist()


STATES = Path(__file__).parent / "states"
"""States that earlier versions wrote, compressed: each is named by its commit, and holds the first `HALF` of `earlier_stream`."""
HALF = 500


def earlier_stream() -> Ticks:
    """Two symbols on one channel; the stream that the states in `STATES` were made from."""
    tape = Tape()
    for k in range(400):
        tape.quote(k * 0.1, 100 + 0.01 * (k % 7), 100.02 + 0.01 * (k % 7))
        tape.quote(k * 0.1 + 0.05, 50, 50.03, symbol="DEF")
        if k % 5 == 0:
            tape.trade(k * 0.1 + 0.06, 100.01 + 0.01 * (k % 7))
    return tape.ticks()


def rest_of(channel: ChannelWorker, shard: ShardWorker, ticks: Ticks) -> list[object]:
    """Score the rest of a stream; return every verdict and revision."""
    output = channel.process(ticks)
    for _, mine in routed(output.ticks, output.control_rows, PipelineSettings(1)):
        shard.add(mine)
    scored = shard.release(END_NS)
    verdicts: list[object] = [verdict for result in scored.results for verdict in result.verdicts.tolist()]
    findings = [finding for result in scored.results for finding in result.findings]
    return verdicts + [encode(finding) for finding in [*findings, *channel.open_findings(), *shard.open_findings()]]


@pytest.mark.parametrize("state", sorted(STATES.glob("*.zlib")), ids=lambda path: path.stem)
def test_a_state_of_an_earlier_version_goes_on_as_one_of_this_version(state: Path) -> None:
    settings, ticks = PipelineSettings(1), earlier_stream()
    kept = msgspec.msgpack.decode(zlib.decompress(state.read_bytes()), strict=False)
    restored, waiting = unpack_shard(kept["shard"], "none")
    buffer = ReorderBuffer()
    buffer.add(waiting)
    channel = ChannelWorker("XNAS.A", settings, channels.unpack(kept["channel"], VERSION))
    shard = ShardWorker(0, settings, restored, buffer)
    assert len(waiting) > 0
    assert restored.registry.instruments

    whole_channel, whole_shard = ChannelWorker("XNAS.A", settings), ShardWorker(0, settings)
    output = whole_channel.process(ticks.take(slice(0, HALF)))
    for _, mine in routed(output.ticks, output.control_rows, settings):
        whole_shard.add(mine)
    whole_shard.release(kept["released_ns"])
    rest = ticks.take(slice(HALF, None))
    found, expected = rest_of(channel, shard, rest), rest_of(whole_channel, whole_shard, rest)
    assert len(expected) > len(rest)
    assert found == expected


def test_a_state_of_another_layout_is_refused() -> None:
    snapshot = msgspec.msgpack.decode(pack_shard(ShardState.new(), empty()), type=_Snapshot)
    snapshot.layout = snapshot.layout.replace("8", "4", 1)
    with pytest.raises(ValueError, match="another version of tickproof"):
        unpack_shard(msgspec.msgpack.encode(snapshot), "none")
