"""The contract of the workers: the local engine and the Flink functions give the same, whatever comes in.

Nothing of Flink runs here; `tests/flink/test_job.py` does the same on a real cluster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jobs.flink import functions
from jobs.pipeline.decoding import RawRecord, decode
from jobs.pipeline.engine import Engine, Output
from jobs.pipeline.settings import PipelineSettings
from jobs.pipeline.workers import Undecoded
from tests.support.flink_shells import FINAL_MS, TOPIC, Shells, as_records
from tests.support.kill_guarantees import failing_steps, is_of_payload
from tests.support.streams import Market, Tape, at, last_revisions
from tickproof.channel import step as channels
from tickproof.channel.control_rows import LIFE
from tickproof.errors import StepError
from tickproof.findings.finding import Finding
from tickproof.shard import step as scoring
from tickproof.ticks.schema import NS_PER_MS, Array, Ticks, concat

SETTINGS = PipelineSettings(2)
IN_CHANNEL, IN_SHARD = 150, 90
"""Sequence numbers that a step fails on."""


@pytest.fixture(scope="module")
def market() -> Ticks:
    """Three venues for 16 s, with a spike and a placeholder below zero."""
    market = Market()
    market.first.quote(12.02, 101.0 * 0.9999, 101.0 * 1.0001)
    market.first.trade(12.03, -1.0)
    market.go_on(12.05, 16)
    return market.ticks()


def engine_of(ticks: Ticks) -> tuple[Engine, list[Output]]:
    engine = Engine(SETTINGS)
    return engine, [engine.feed(ticks), engine.finish()]


def shells_of(records: list[RawRecord]) -> Shells:
    shells = Shells(SETTINGS)
    shells.send(records)
    shells.advance(FINAL_MS)
    return shells


def by_place(parts: list[tuple[Ticks, Array]]) -> dict[tuple[str, int, int], Any]:
    """Channel, capture time and number of each tick, and its verdict."""
    found = {}
    for ticks, verdicts in parts:
        for row, verdict in zip(ticks.rows, verdicts, strict=True):
            found[ticks.names[row["channel"]], int(row["ts_recv"]), int(row["sequence"])] = verdict.item()
    return found


def plain(findings: list[Finding]) -> dict[str, tuple[object, ...]]:
    last = last_revisions(findings).values()
    return {one.id: (one.code, one.revision, one.count, one.first_ts, one.last_ts, one.score, one.current) for one in last}


def assert_same(shells: Shells, outputs: list[Output]) -> None:
    mine = [(result.final, result.verdicts) for output in outputs for _, result in output.scored]
    assert by_place(shells.scored()) == by_place(mine)
    assert len(by_place(mine)) > 0
    late = [tuple(part) for output in outputs for part in output.overtaken]
    assert by_place(shells.scored(overtaken=True)) == by_place(late)
    assert plain(shells.findings()) == plain([finding for output in outputs for finding in output.findings])


def test_a_market_is_scored_the_same(market: Ticks) -> None:
    shells = shells_of(as_records(market))
    assert_same(shells, engine_of(market)[1])
    assert {finding.code for finding in shells.findings()} >= {"spike", "sentinel_value"}


def test_ticks_that_a_step_fails_on_are_set_aside_alike(market: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing_steps(monkeypatch, IN_CHANNEL, IN_SHARD):
        shells, (_, outputs) = shells_of(as_records(market)), engine_of(market)
    assert_same(shells, outputs)
    failed = [one for output in outputs for one in output.failed]
    mine = sorted((one.tick.names[one.tick.rows["channel"][0]], str(one.error)) for one in failed)
    reason = "__connect.errors.exception.message"
    assert mine == sorted((row[0].decode(), row[3][reason].decode()) for row in shells.out["dead_letters"])
    count = int(np.isin(market.rows["sequence"], (IN_CHANNEL, IN_SHARD)).sum())
    assert len(mine) == count > 0
    assert len(by_place(shells.scored())) == len(market) - count


def test_payloads_that_cannot_be_decoded_are_reported_alike(market: Ticks) -> None:
    """Of a channel that has ticks, of one that has none, and of one that nobody can tell."""
    records = as_records(market)
    channel = records[0].key
    for key, value in ((channel, b"junk"), (b"NEW.A", b"{"), (None, b'{"ts_recv": 1}')):
        records.append(RawRecord(TOPIC, 0, len(records), at(17) // NS_PER_MS, key, value, {}))
    shells = shells_of(records)
    engine, outputs = engine_of(market)
    for place, error in decode(records).errors.items():
        outputs[0].findings.extend(engine.reject(Undecoded(records[place], error)))
    assert_same(shells, outputs)
    about = [(one.code, one.channel or "") for one in shells.findings() if is_of_payload(one)]
    unreadable = "payload_unreadable"
    assert sorted(about) == [(unreadable, "NEW.A"), (unreadable, (channel or b"").decode()), ("schema_changed", "")]
    assert len(shells.out["dead_letters"]) == 3


def test_late_ticks_are_judged_alike(market: Ticks) -> None:
    """A channel that comes 3 s behind, where 1 s is allowed, with a price below zero."""
    late = Tape(channel="LATE.A", venue="LATE")
    late.trade(12.5, -1.0)
    late.quote(13.0)
    behind = late.ticks()
    shells = Shells(SETTINGS)
    shells.send(as_records(market))
    shells.advance(at(15) // NS_PER_MS)
    shells.send(as_records(behind))
    shells.advance(FINAL_MS)
    assert_same(shells, engine_of(concat([market, behind]))[1])
    ((_, verdicts),) = shells.scored(overtaken=True)
    assert sorted(verdicts["final_quality"].tolist()) == [0, 2]


def test_a_restart_changes_nothing(market: Ticks) -> None:
    records = as_records(market)
    shells = Shells(SETTINGS)
    half = len(records) // 2
    shells.send(records[:half])
    shells.advance(at(5) // NS_PER_MS)
    shells.restart()
    shells.send(records[half:])
    shells.advance(FINAL_MS)
    assert_same(shells, engine_of(market)[1])


# --- everything fails -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["channel", "shard"])
def test_where_everything_fails_alike_both_stop_and_say_the_same(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(state: Any, ticks: Ticks, *rest: Any) -> Any:
        raise ArithmeticError("on purpose")

    monkeypatch.setattr(channels if stage == "channel" else scoring, "step", fails)
    tape = Tape()
    for k in range(1_500):
        tape.quote(0.01 * k)
    with pytest.raises(StepError, match=f"^{stage} .*: 1,000 ticks in a row .* ArithmeticError: on purpose") as local:
        engine_of(tape.ticks())
    with pytest.raises(StepError) as flink:
        shells_of(as_records(tape.ticks()))
    assert str(local.value) == str(flink.value)


@pytest.mark.slow
@pytest.mark.parametrize("snapshot", [False, True], ids=["journal", "snapshot"])
@pytest.mark.parametrize("stage", ["channel", "shard"])
def test_restarts_do_not_start_the_count_anew(stage: str, snapshot: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """600 ticks fail, the job is started again, and 400 more are enough: each restart would drain 999 into dead letters."""
    good = channels.step if stage == "channel" else scoring.step

    def fails(state: Any, ticks: Ticks, *rest: Any) -> Any:
        if (ticks.rows["sequence"] > 100).any():
            raise ArithmeticError("on purpose")
        return good(state, ticks, *rest)

    monkeypatch.setattr(channels if stage == "channel" else scoring, "step", fails)
    if snapshot:
        for name in ("SNAPSHOT_BYTES", "SNAPSHOT_FACTOR"):
            monkeypatch.setattr(functions, name, 0)
    tape = Tape()
    for k in range(1_300):
        tape.quote(0.01 * k)
    ticks = tape.ticks()
    shells = Shells(SETTINGS)
    shells.send(as_records(ticks.take(slice(0, 700))))
    shells.advance(at(7) // NS_PER_MS)
    assert len(shells.out["dead_letters"]) >= 590
    shells.restart()

    def go_on() -> None:
        shells.send(as_records(ticks.take(slice(700, len(ticks)))))
        shells.advance(FINAL_MS)

    with pytest.raises(StepError, match="1,000 ticks in a row"):
        go_on()


def test_late_ticks_that_the_rules_fail_on_are_dead_letters(market: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    late = Tape(channel="LATE.A", venue="LATE")
    for second in (12.5, 12.6, 13.0):
        late.trade(second, -1.0)
    behind = late.ticks()
    bad, judge = int(behind.rows["ts_recv"][1]), scoring.overtaken

    def fails(ticks: Ticks, *rest: Any) -> Any:
        if (ticks.rows["ts_recv"] == bad).any():
            raise ArithmeticError("on purpose")
        return judge(ticks, *rest)

    monkeypatch.setattr(scoring, "overtaken", fails)
    shells = Shells(SETTINGS)
    shells.send(as_records(market))
    shells.advance(at(15) // NS_PER_MS)
    shells.send(as_records(behind))
    shells.advance(FINAL_MS)
    _, outputs = engine_of(concat([market, behind]))
    assert_same(shells, outputs)
    assert sum(len(ticks) for ticks, _ in shells.scored(overtaken=True)) == 2
    assert len(shells.out["dead_letters"]) == 1
    assert [int(one.tick.rows["ts_recv"][0]) for output in outputs for one in output.failed] == [bad]


def test_reports_of_channels_that_a_step_fails_on_are_counted(market: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control row is no tick and no dead letter, and is missed all the same."""
    step = scoring.step

    def fails(state: Any, ticks: Ticks, *rest: Any) -> Any:
        if ((ticks.rows["reasons"] & LIFE) != 0).any():
            raise ArithmeticError("on purpose")
        return step(state, ticks, *rest)

    monkeypatch.setattr(scoring, "step", fails)
    shells, (_, outputs) = shells_of(as_records(market)), engine_of(market)
    counted = sum(output.failed_control_rows for output in outputs)
    assert shells.count("control_rows_failed") == counted > 0
    assert len(by_place(shells.scored())) == len(market)
    assert "dead_letters" not in shells.out


def test_a_report_of_a_payload_that_fails_leaves_the_dead_letter(market: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise ArithmeticError("on purpose")

    monkeypatch.setattr(channels, "reject", fails)
    records = as_records(market)
    junk = RawRecord(TOPIC, 0, len(records), at(17) // NS_PER_MS, records[0].key, b"junk", {})
    shells = shells_of([*records, junk])
    assert [row[1] for row in shells.out["dead_letters"]] == [b"junk"]
    with pytest.raises(StepError, match="1,000 ticks in a row"):
        shells_of([junk] * 1_000)
