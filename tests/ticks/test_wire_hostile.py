"""Ten thousand hostile payloads: each is refused, for the right reason, within bounds."""

from __future__ import annotations

import collections

import pyarrow as pa
import pytest

from tests.support.hostile_payloads import HOSTILE, LARGE, LARGE_EVERY, Hostile, hostile_payloads, refusal
from tests.support.wire_ticks import example
from tickproof.wire import decode_frame, encode_frame
from tickproof.wire.limits import MAX_DECODED_BYTES

GOOD = [
    (channel.encode(), encode_frame(example(count, channel)))
    for channel, count in (("XNAS.A", 1), ("XNYS.B", 30), ("BATS.C", 100))
]


@pytest.mark.slow
def test_every_kind_is_refused_for_its_reason():
    wrong: list[tuple[Hostile, object]] = []
    seen = collections.Counter()
    before = pa.default_memory_pool()
    # One for all: an error's traceback keeps buffers alive, and a pool has to outlive its buffers.
    pool = pa.proxy_memory_pool(before)
    for hostile in hostile_payloads(GOOD, seed=3, count=10_000):
        pa.set_memory_pool(pool)
        try:
            error = refusal(hostile)
        finally:
            pa.set_memory_pool(before)
        seen[hostile.kind] += 1
        fits = error is not None and hostile.reason in str(error) and error.schema_changed == hostile.schema_changed
        if not fits or not str(error).isprintable() or len(str(error)) > 2_500:
            wrong.append((hostile, error))
    assert not wrong, [(hostile.kind, hostile.reason, str(error)) for hostile, error in wrong[:10]]
    assert set(seen) == set(HOSTILE)
    assert pool.max_memory() <= MAX_DECODED_BYTES


def test_the_same_seed_gives_the_same_payloads():
    first, second = (list(hostile_payloads(GOOD, seed=5, count=150)) for _ in range(2))
    assert first == second
    assert first != list(hostile_payloads(GOOD, seed=6, count=150))


def test_keys_are_null_right_and_wrong():
    keys = {hostile.key for hostile in hostile_payloads(GOOD, seed=1, count=200)}
    assert {None, b"XNAS.A", b"WRONG.XNAS.A"} <= keys


def test_large_payloads_are_few():
    assert all(HOSTILE[name] is maker for name, maker in LARGE.items())
    kinds = [hostile.kind for hostile in hostile_payloads(GOOD, seed=1, count=LARGE_EVERY)]
    assert [kind in LARGE for kind in kinds] == [False] * (LARGE_EVERY - 1) + [True]


@pytest.mark.parametrize(("key", "payload"), GOOD)
def test_what_they_are_made_from_is_good(key, payload):
    assert len(decode_frame(payload.value, payload.headers, key)) > 0
