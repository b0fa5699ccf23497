"""Ticks between the stages and in the state store: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.pipeline.tick_bytes import pack, unpack
from tickproof.ticks.schema import ROW, Ticks


@pytest.mark.parametrize("count", [0, 1, 2, 1_000])
def test_round_trip(count: int) -> None:
    random = np.random.default_rng(count)
    rows = random.integers(0, 256, count * ROW.itemsize, np.uint8).view(ROW)
    ticks = Ticks(rows, ("X.A", "ünï"))
    again = unpack(pack(ticks))
    assert again.names == ticks.names
    assert again.rows.tobytes() == rows.tobytes()


def test_another_version_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="without this savepoint"):
        unpack(pack(Ticks(np.zeros(1, ROW), ())).replace(b"\x94\x01", b"\x94\x02", 1))
