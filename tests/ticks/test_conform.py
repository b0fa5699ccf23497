"""Tables as people make them become the canonical columns, or are refused with what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tickproof.errors import TickError
from tickproof.ticks.arrow import from_arrow
from tickproof.ticks.conform import conform, problems
from tickproof.ticks.schema import SCHEMA

TIME = datetime(2024, 3, 18, 10, 0, 0, 250_000, tzinfo=UTC)
TIME_NS = 1_710_756_000_250_000_000


def table(**columns: pa.Array) -> pa.Table:
    """One tick of the columns that must be there, and others."""
    least = {"ts_recv": pa.array([TIME_NS]), "channel": pa.array(["A"]), "venue": pa.array(["V"]), "kind": pa.array([1])}
    return pa.table(least | columns)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_time_is_ns_since_the_epoch_whatever_its_unit_and_zone(unit: str, zone: str | None) -> None:
    given = pa.array([TIME_NS]).cast(pa.timestamp("ns", zone)).cast(pa.timestamp(unit, zone), safe=False)
    per_unit = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    assert conform(table(ts_recv=given)).column("ts_recv").to_pylist() == [TIME_NS // per_unit * per_unit]


def test_what_may_be_null_may_be_absent_and_flags_are_zero() -> None:
    found = conform(table())
    assert found.schema.names == SCHEMA.names
    ticks = from_arrow(found)
    assert (int(ticks.rows["present"][0]), int(ticks.rows["flags"][0]), int(ticks.rows["conditions"][0])) == (0, 0, 0)
    assert ticks.name(int(ticks.rows["symbol"][0])) is None


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"kind": pa.array([300])}, "column kind: found int64, expected uint8"),
        ({"price": pa.array([1.5])}, "whole units of 1e-9"),
        ({"ts_recv": pa.array([datetime(3000, 1, 1)])}, "column ts_recv: found timestamp"),
        ({"colour": pa.array(["red"])}, "column colour is unknown"),
    ],
)
def test_what_would_lose_a_value_is_refused_by_column(columns: dict[str, pa.Array], said: str) -> None:
    with pytest.raises(TickError, match=said):
        conform(table(**columns))


def test_all_that_is_wrong_with_columns_is_said_at_once() -> None:
    wrong = problems(pa.schema([("ts_recv", pa.int64()), ("bid", pa.float64())]))
    assert [line.split(",")[0] for line in wrong] == [
        "column channel is missing",
        "column venue is missing",
        "column kind is missing",
        "column bid is unknown",
    ]
    assert problems(pa.schema([*SCHEMA, pa.field("score", pa.float32())]), ["score"]) == []
