"""The gate: no kind of fault is found less often, and no more false alarms are raised, than the checked-in table says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from producers.faults.table import FAULTS
from tests.evaluation import detection_table as detection
from tests.evaluation.detection_table import Count, Key, Table

GENUINE = "genuine_"
KEY = Key("none", "fx", "found", "spike")
FALSE = Key("none", "fx", "false", "rules")


@pytest.fixture(scope="module")
def kept() -> Table:
    """Return the table that is checked in."""
    return detection.from_csv(detection.PATH.read_text(encoding="ascii"))


@pytest.mark.slow
def test_nothing_is_found_less_often_than_before(kept: Table, record_property: Callable[[str, object], None]) -> None:
    found = detection.changes(kept, detection.measured())
    problems = detection.report(found)
    assert not problems, problems
    if found.better:
        record_property("note", "\n".join(["better than the table of detection:", *found.better, detection.WHEN_BETTER]))


def test_the_table_has_every_kind_of_fault_and_something_found_by_every_model(kept: Table) -> None:
    wanted = {fault.kind for fault in FAULTS.values() if not fault.kind.startswith(GENUINE)}
    for model in detection.MODELS:
        rows = {key: count for key, count in kept.items() if key.model == model}
        assert {key.kind for key in rows if key.measure == "found"} == wanted
        assert {key.market for key in rows} == set(detection.MARKETS)
        assert all(count.total > 0 for count in rows.values())
        found, total = (
            sum(getattr(count, name) for key, count in rows.items() if key.measure == "found") for name in Count._fields
        )
        assert total / 2 < found <= total
    assert detection.to_csv(kept) == detection.PATH.read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("key", "now", "where"),
    [
        (KEY, Count(3, 4), "worse"),
        (KEY, Count(5, 4), "better"),
        (KEY, Count(4, 5), "other"),
        (FALSE, Count(5, 4), "worse"),
        (FALSE, Count(3, 4), "better"),
        (KEY._replace(measure="called"), Count(5, 4), "worse"),
    ],
)
def test_fewer_found_and_more_false_alarms_are_worse(key: Key, now: Count, where: str) -> None:
    found = detection.changes({key: Count(4, 4)}, {key: now})._asdict()
    assert {name for name, lines in found.items() if lines} == {where}
    (line,) = found[where]
    assert f"4/4 -> {now.count}/{now.total}" in line
    assert key.kind in line


def test_a_fault_that_is_no_longer_in_the_day_is_not_overlooked() -> None:
    found = detection.changes({KEY: Count(4, 4), FALSE: Count(1, 9)}, {FALSE: Count(1, 9)})
    assert (len(found.other), found.worse, found.better) == (1, [], [])
    assert detection.RENEW in detection.report(found)


def test_what_is_better_or_equal_passes() -> None:
    assert detection.report(detection.changes({KEY: Count(3, 4)}, {KEY: Count(4, 4)})) == ""
    assert detection.report(detection.changes({KEY: Count(3, 4)}, {KEY: Count(3, 4)})) == ""
