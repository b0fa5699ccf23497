"""A shard's state as bytes: what is in use and no more, and a shard that goes on from it goes on as if nothing had been."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from jobs.pipeline.journal import _Snapshot, pack_shard, unpack_shard
from tests.support import fuzz
from tickproof.findings.finding import VERDICT
from tickproof.instrument.record import INSTRUMENT
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardResult, ShardSettings
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
