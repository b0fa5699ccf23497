"""When venues are open, and what is said while they are shut; symbols that are not listed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from tests.support.streams import Scored, Tape, at, check, score
from tickproof.errors import SettingsError
from tickproof.reference.data import NOTHING, Reference, parse
from tickproof.reference.sessions import EARLY_NS, LATE_NS, NEVER, bounds, is_shut, search, spans, tables, years_of
from tickproof.ticks.schema import NS_PER_SECOND, Condition, Ticks


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS_PER_SECOND


def scored(ticks: Ticks, reference: Reference = NOTHING) -> Scored:
    """Score ticks with reference data."""
    engine = Engine(PipelineSettings(1, reference=reference))
    outputs = [engine.feed(ticks), engine.finish()]
    (last,) = [result for output in outputs for _, result in output.scored]
    findings = [finding for output in outputs for finding in output.findings] + engine.open_findings()
    return Scored(last.final, last.verdicts, findings, [], last.features, [])


# --- hours ------------------------------------------------------------------------------------------------------------------


def test_sessions_of_new_york_are_those_of_its_rule() -> None:
    """Holiday on 2024-07-04, early close at 13:00 on 2024-07-03, summer time: 09:30 is 13:30 UTC."""
    july = spans("XNYS", [2024])
    inside = july[(july[:, 0] >= moment("2024-07-02")) & (july[:, 0] < moment("2024-07-06"))]
    expected = [
        (moment("2024-07-02T13:30"), moment("2024-07-02T20:00")),
        (moment("2024-07-03T13:30"), moment("2024-07-03T17:00")),
        (moment("2024-07-05T13:30"), moment("2024-07-05T20:00")),
    ]
    assert [tuple(one) for one in inside.tolist()] == expected


def test_sessions_at_the_turn_of_a_year_are_known_from_both_years() -> None:
    for year in (2023, 2024):
        assert search(spans("XNYS", [year]), moment("2024-01-02T15:00"))[:2] == (1, moment("2024-01-02T21:00"))
    assert len(spans("XNYS", [2023, 2024])) == len(np.unique(spans("XNYS", [2023, 2024])[:, 0]))


@pytest.mark.parametrize("code", ["XSHG", "XBOM", "XSES", "XHKG"])
def test_where_a_calendar_ends_nothing_is_held_against_a_venue(code: str) -> None:
    """The package knows holidays up to a year, and has an error beyond it."""
    last = bounds(code)[1]
    beyond = moment(f"{last + 40}T03:00")
    within = moment(f"{np.datetime64(f'{str(last)[:4]}-06-01') + 6}T23:30")
    assert not is_shut({"V": code}, "V", beyond)
    # Both in one batch: what is known stays known.
    known = spans(code, years_of(np.array([within, beyond])))
    assert search(known, beyond)[0] == 1
    assert is_shut({"V": code}, "V", within)
    assert (np.diff(known.reshape(-1)) >= 0).all()


def test_before_a_calendar_begins_nothing_is_held_against_a_venue() -> None:
    assert str(bounds("XTKS")[0]) == "1997-01-01"
    assert not is_shut({"V": "XTKS"}, "V", moment("1992-01-10T20:00"))
    assert is_shut({"V": "XTKS"}, "V", moment("1998-01-10T20:00"))


def test_wrong_years_ask_no_calendar() -> None:
    assert len(spans("XNYS", years_of(np.array([0, 2**62], np.int64)))) == 0


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0, (0, 0, 10)),
        (9, (0, 9, 10)),
        (10, (1, 20, 30)),
        (19, (1, 20, 30)),
        (20, (0, 20, 30)),
        (35, (1, 40, NEVER)),
        (40, (0, 40, NEVER)),
    ],
)
def test_a_session_holds_its_open_and_not_its_close(time: int, expected: tuple[int, int, int]) -> None:
    assert search(spans([(30, 40), (10, 20)], []), time) == expected


def test_a_calendar_is_taken_with_the_time_around_and_pairs_are_not() -> None:
    pairs = ((moment("2024-07-02T13:30"), moment("2024-07-02T20:00")),)
    calendars = tables(("A", "N", "P"), {"N": "XNYS", "P": pairs}, np.array([moment("2024-07-02T15:00")]))
    edges, extended_edges = calendars.edges, calendars.extended_edges
    assert calendars.calendar_of.tolist() == [-1, 0, 1, -1]
    assert calendars.regular[edges[1] : edges[2]].tolist() == [list(pairs[0])]
    assert calendars.extended[extended_edges[1] : extended_edges[2]].tolist() == [list(pairs[0])]
    mine, around = calendars.regular[: edges[1]], calendars.extended[: extended_edges[1]]
    assert search(around, moment("2024-07-02T13:30") - EARLY_NS)[0] == 1
    assert search(around, moment("2024-07-02T20:00") + LATE_NS - 1)[0] == 1
    assert search(around, moment("2024-07-02T20:00") + LATE_NS)[0] == 0
    assert search(mine, moment("2024-07-02T13:29"))[0] == 0


def test_is_shut() -> None:
    sessions: dict[str, Any] = {"N": "XNYS"}
    assert is_shut(sessions, "N", moment("2024-07-04T15:00"))
    assert not is_shut(sessions, "N", moment("2024-07-05T15:00"))
    assert not is_shut(sessions, "M", moment("2024-07-04T15:00"))


def test_a_calendar_that_is_none_is_one_line() -> None:
    with pytest.raises(SettingsError, match="found calendar XXXX"):
        parse({"sessions": {"XNAS": "XXXX"}}, "r.toml")
    assert parse({"sessions": {"XNAS": "XNYS"}}, "r.toml").sessions == {"XNAS": "XNYS"}


# --- ticks while a venue is shut --------------------------------------------------------------------------------------------


def around(*moments: float, **columns: Any) -> Tape:
    tape = Tape()
    for seconds in moments:
        tape.trade(seconds, **columns)
    return tape


def hours(*pairs: tuple[float, float]) -> Reference:
    return parse({"sessions": {"XNAS": [[at(start), at(end)] for start, end in pairs]}}, "r")


def test_ticks_out_of_session() -> None:
    """
    open 10 ........ 20     tick   9.9  10  19.9  20.0005  20.5
                            sent 1 ms earlier: 20.0005 was sent in time
    """
    found = scored(around(9.9, 10.001, 19.9, 20.0005, 20.5).ticks(), hours((10, 20)))
    assert found.rows_with("out_of_session") == [0, 4]
    assert found.verdicts["final_quality"].tolist() == [1, 0, 0, 0, 1]
    (one,) = found.of("out_of_session")
    assert (one.symbol, one.first_ts, one.last_ts, one.count) == ("ABC", at(9.9), at(20.5), 2)


def test_what_is_sent_out_of_session_is_one_finding_although_it_is_sparse() -> None:
    found = scored(around(*range(20, 3_000, 60)).ticks(), hours((5, 10)))
    assert [one.count for one in found.of("out_of_session")] == [50]


def test_extended_hours_are_marked_as_such_and_no_anomaly() -> None:
    tape = around(25, conditions=int(Condition.EXTENDED_HOURS))
    assert scored(tape.ticks(), hours((10, 20))).of("out_of_session") == []


def test_other_venues_and_runs_without_hours_are_not_checked() -> None:
    tape = around(25)
    assert scored(tape.ticks()).findings == []
    assert scored(around(25, venue="ARCX").ticks(), hours((10, 20))).findings == []


# --- silence by the calendar ------------------------------------------------------------------------------------------------


def paused(start: float, end: float, reference: Reference) -> list[int]:
    """When a channel is found silent that says nothing from `start` to `end`; quotes each 100 ms otherwise."""
    tape = Tape()
    for k in range(round(start * 10)):
        tape.quote(k * 0.1)
    for second in range(round(start), round(end)):
        tape.capture_heartbeat(second + 0.05)
    for k in range(20):
        tape.quote(end + k * 0.1)
    checked = check(tape.ticks(), sessions=reference.sessions)
    return [finding.detected_at for finding in checked.of("silent")]


def test_a_venue_that_is_shut_is_not_silent() -> None:
    """
    open 0 ...... 20 | shut | 40 ... 100     ticks to 19.9, and from 40.2 on
    """
    assert paused(20, 40.2, hours((0, 20), (40, 100))) == []
    assert paused(20, 40.2, NOTHING) == [at(19.9) + 1_500_000_000]


def test_a_venue_that_does_not_open_is_silent_from_its_opening_on() -> None:
    """
    open 0 ...... 20 | shut | 40 ... 100     ticks to 19.9, and from 50 on: silent at 40 + 1.5 s
    """
    assert paused(20, 50, hours((0, 20), (40, 100))) == [at(40) + 1_500_000_000]


# --- listed symbols ---------------------------------------------------------------------------------------------------------


def quoted(*symbols: str) -> Ticks:
    tape = Tape()
    for k, symbol in enumerate(symbols):
        tape.quote(k * 0.01, symbol=symbol)
    return tape.ticks()


LISTED = parse({"instruments": [{"symbol": name, "channel": "XNAS.A"} for name in ("ABC", "DEF")]}, "r")


def test_a_symbol_that_is_not_listed_on_its_channel() -> None:
    found = scored(quoted(*["ABC", "DEF"] * 20, "QQQ", "ABC"), LISTED)
    assert found.rows_with("unknown_symbol") == [40]
    (finding,) = found.of("unknown_symbol")
    assert (finding.symbol, finding.severity) == ("QQQ", "warning")
    assert found.verdicts["final_quality"][40] == 1
    assert scored(quoted(*["ABC", "DEF"] * 20, "ABC"), LISTED).findings == []


def test_without_a_listing_any_symbol_may_come() -> None:
    venue_only = parse({"instruments": [{"symbol": "ABC", "venue": "XNAS", "may_cross": True}]}, "r")
    for reference in (NOTHING, venue_only):
        assert scored(quoted(*["ABC"] * 40, "QQQ"), reference).of("unknown_symbol") == []


def test_a_list_that_knows_few_of_the_symbols_is_no_listing() -> None:
    assert scored(quoted(*["ABC", "X", "Y", "Z"] * 30), LISTED).of("unknown_symbol") == []


def test_cuts_do_not_matter() -> None:
    tape = around(*(9.5 + k * 0.05 for k in range(300)))
    sessions = hours((10, 20), (22, 24)).sessions
    whole, parts = (check(tape.ticks(), cuts, sessions=sessions) for cuts in ((), (3, 50, 51, 200)))
    assert whole.ticks.rows.tobytes() == parts.ticks.rows.tobytes()
    assert whole.rows_with("out_of_session")
    assert score(tape.ticks()).of("out_of_session") == []
