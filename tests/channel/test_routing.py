"""Routing: every tick to one shard, once; our own heartbeats end here; a venue's heartbeat is a sign of life in all shards."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.streams import Tape
from tickproof.channel.control_rows import LIFE
from tickproof.channel.routing import route, shard_of
from tickproof.ticks.schema import Kind, Ticks, concat

SYMBOLS = [f"S{k}" for k in range(30)]


def feed() -> Tape:
    """Ticks of many symbols with both kinds of heartbeats, a session start and a status among them."""
    tape = Tape()
    tape.session(0, 1)
    for row in range(300):
        tape.quote(row * 0.01, symbol=SYMBOLS[row * 7 % 30])
        if row % 10 == 0:
            tape.heartbeat(row * 0.01)
        if row % 13 == 0:
            tape.capture_heartbeat(row * 0.01)
        if row % 50 == 0:
            tape.quote(row * 0.01, symbol=None)
    return tape


def is_life(ticks: Ticks) -> npt.NDArray[np.bool_]:
    return np.asarray((ticks.rows["reasons"] & LIFE) != 0)


@pytest.mark.parametrize("shards", [1, 2, 4, 7])
def test_every_tick_goes_to_one_shard_once_in_arrival_order(shards: int) -> None:
    ticks = feed().ticks()
    ticks.rows["row"] = np.arange(len(ticks))
    capture = ticks.rows["flags"] != 0
    seen: list[int] = []
    for shard, part in route(ticks, shards):
        own = part.take(~is_life(part))
        assert (np.diff(part.rows["row"].astype(int)) >= 0).all()
        for row in own.rows:
            name = part.name(row["symbol"]) or part.names[row["channel"]]
            assert shard == zlib.crc32(name.encode()) % shards
        seen += own.rows["row"].tolist()
    assert sorted(seen) == np.flatnonzero(~capture).tolist()


def test_a_venue_heartbeat_shows_life_in_every_other_shard() -> None:
    ticks = feed().ticks()
    beats = np.count_nonzero((ticks.rows["kind"] == Kind.HEARTBEAT) & (ticks.rows["flags"] == 0))
    parts = dict(route(ticks, 4))
    own = shard_of("XNAS.A", 4)
    for shard in range(4):
        heartbeats = parts[shard].rows["kind"] == Kind.HEARTBEAT
        assert np.count_nonzero(heartbeats) == beats
        assert is_life(parts[shard])[heartbeats].all() == (shard != own)
        assert not is_life(parts[shard])[~heartbeats].any()


def test_the_given_ticks_are_not_marked() -> None:
    ticks = feed().ticks()
    before = ticks.rows.copy()
    routed = route(ticks, 4)
    assert any(is_life(part).any() for _, part in routed), "some are marked in what comes out"
    assert ticks.rows.tobytes() == before.tobytes()


def test_capture_heartbeats_alone_are_nothing() -> None:
    tape = Tape()
    tape.capture_heartbeat(1)
    assert route(tape.ticks(), 4) == []
    assert route(concat([]), 4) == []


def test_all_venues_of_a_symbol_share_a_shard() -> None:
    places = set()
    for venue in ("XNAS", "ARCX", "BATS"):
        tape = Tape(channel=f"{venue}.A", venue=venue)
        tape.quote(0)
        places |= {shard for shard, _ in route(tape.ticks(), 16)}
    assert places == {shard_of("ABC", 16)}


@settings(deadline=None)
@given(st.text(), st.integers(1, 128))
def test_a_shard_is_a_property_of_the_name(name: str, shards: int) -> None:
    assert 0 <= shard_of(name.encode("utf-8", "replace").decode(), shards) < shards
    assert shard_of("ABC", shards) == zlib.crc32(b"ABC") % shards


def test_routing_does_not_depend_on_frames() -> None:
    ticks = feed().ticks()
    whole = dict(route(ticks, 4))
    assert set(whole) == {0, 1, 2, 3}
    parts: dict[int, list[Ticks]] = {}
    for row in range(len(ticks)):
        for shard, part in route(ticks.take(slice(row, row + 1)), 4):
            parts.setdefault(shard, []).append(part)
    for shard, expected in whole.items():
        assert concat(parts[shard]).rows.tobytes() == expected.rows.tobytes()
