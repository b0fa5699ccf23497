"""Two runs compared: what is the same, new, gone or changed, and what is no difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands.replay.replay import command as replay_command
from commands.replay.runs import difference_text, findings_of_run
from commands.scan import command as scan_command
from jobs.flink.embedded import EmbeddedJob
from jobs.kafka import topics
from jobs.services.broker import Broker
from tests.support.kill_guarantees import faulty_market
from tickproof.errors import ServiceError, SettingsError
from tickproof.findings.compare_runs import compare, last_revisions
from tickproof.findings.finding import Class, Finding, Severity
from tickproof.settings import Settings
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import Ticks


def finding(identity: str, **values: Any) -> Finding:
    """A finding, plain but for some fields."""
    usual: dict[str, Any] = {
        "id": identity,
        "class_": Class.CORRUPT_TICK,
        "code": "spike",
        "severity": Severity.CRITICAL,
        "feed": "XNAS",
        "channel": "XNAS.A",
        "venue": "XNAS",
        "symbol": "ABC",
        "first_ts": 10,
        "last_ts": 10,
        "detected_at": 10,
    }
    return Finding(**{**usual, **values})


def test_each_finding_is_same_new_gone_or_changed() -> None:
    before = [finding("a"), finding("b", first_ts=3), finding("c", first_ts=2), finding("d", count=3)]
    after = [finding("d", count=4, severity=Severity.WARNING), finding("e", first_ts=7), finding("f", first_ts=5), finding("a")]
    difference = compare(before, after)
    assert difference.same == 1
    assert [one.id for one in difference.new] == ["f", "e"]
    assert [one.id for one in difference.gone] == ["c", "b"]
    (change,) = difference.changed
    assert (change.before, change.after, change.fields) == (before[3], after[0], ("severity", "count"))
    assert not difference.is_same
    backwards = compare(after, before)
    assert (backwards.new, backwards.gone, backwards.same) == (difference.gone, difference.new, 1)


@pytest.mark.parametrize("name", [name for name in Finding.__struct_encode_fields__ if name != "id"])
def test_every_field_counts(name: str) -> None:
    """Table-driven over the fields of a finding: a new one is compared unless somebody says why not."""
    plain = msgspec.to_builtins(finding("a"))
    others: dict[type, Any] = {str: "other", int: 99, float: 0.5, type(None): 0.5, dict: {"tick": 1}, list: ["other"]}
    value: Any = others[type(plain[name])]
    if name == "class":
        value = "market_event"
    elif name == "severity":
        value = "info"
    elif name == "contributions":
        value = [{"feature": "f", "value": 1.0, "share": 1.0}]
    elif name in ("channel", "venue", "symbol"):
        value = None
    other = msgspec.convert(plain | {name: value}, Finding)
    (change,) = compare([finding("a")], [other]).changed
    assert change.fields == (name,)


def test_where_evidence_was_read_from_is_no_difference() -> None:
    def evidence(offset: int, price: int) -> dict[str, Any]:
        tick = {"price": price, "channel": "XNAS.A"}
        place = {"partition": offset % 4, "offset": offset, "row": 2 * offset}
        return {"tick": tick, "origin": place, "before": [{"tick": tick, "origin": place}], "topic": f"run-{offset}", **place}

    assert compare([finding("a", evidence=evidence(1, 5))], [finding("a", evidence=evidence(9, 5))]).is_same
    (change,) = compare([finding("a", evidence=evidence(1, 5))], [finding("a", evidence=evidence(1, 6))]).changed
    assert change.fields == ("evidence",)


def test_the_last_revision_counts_and_a_restart_repeats_some() -> None:
    opened, grown, closed = (finding("a", revision=revision, count=revision + 1) for revision in range(3))
    assert last_revisions([opened, grown, closed, grown])["a"] is closed
    assert compare([opened, grown, closed], [opened, closed, opened, grown]).is_same
    assert not compare([opened, grown, closed], [opened, grown]).is_same


def test_unreadable_payloads_whose_ids_are_of_offsets_are_found_again() -> None:
    def unreadable(identity: str, at: int, error: str = "cut", offset: int = 0) -> Finding:
        return finding(
            identity,
            code="payload_unreadable",
            venue=None,
            symbol=None,
            first_ts=at,
            last_ts=at,
            evidence={"error": error, "offset": offset},
        )

    before = [unreadable("a", 5), unreadable("b", 5, "flipped"), unreadable("c", 6)]
    after = [unreadable("k", 5, "cut", 17), unreadable("l", 5, "flipped", 18), unreadable("m", 9)]
    difference = compare(before, after)
    assert (difference.same, [one.id for one in difference.new], [one.id for one in difference.gone]) == (2, ["m"], ["c"])
    assert difference.changed == ()


def test_the_difference_reads_like_a_list() -> None:
    before = [finding("a", count=3), finding("b")]
    after = [finding("a", count=4, evidence={"tick": {}}), *(finding(f"n{number:03}") for number in range(30))]
    text = difference_text(compare(before, after)).splitlines()
    assert text[0] == "findings: 0 same, 30 new, 1 gone, 1 changed"
    assert [line.split()[0] for line in text[1:]] == ["new"] * 20 + ["…", "gone", "changed"]
    assert text[21] == "  … and 10 more; --json has all"
    assert text[-1].endswith("count 3 → 4, evidence")


# --- a job's run against a scan ---------------------------------------------------------------------------------------------


def write(path: Path, ticks: Ticks) -> Path:
    pq.write_table(pa.Table.from_batches([to_arrow(ticks)]), path)
    return path


def scanned(source: Path, out: Path) -> Path:
    result = CliRunner().invoke(scan_command, [str(source), "--out", str(out), "--no-report", "--model", "none"])
    assert result.exception is None, result.output
    return out


def replayed(source: Path, broker: Broker, to: str, run: str) -> tuple[int, dict[str, Any]]:
    where = ["--brokers", broker.brokers, "--to-topic", to, "--diff", run, "--patience", "400"]
    result = CliRunner().invoke(replay_command, [str(source), "--speed", "max", *where, "--json"])
    assert result.stdout, result.exception
    answer: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, answer


def test_a_replay_finds_what_a_scan_found(broker: Broker, prefix: str, tmp_path: Path) -> None:
    ticks = faulty_market(minutes=0.5, symbols=10, rate=25.0, per_kind=1)
    source = write(tmp_path / "ticks.parquet", ticks)
    # One price of the first half is another one: the scan of this differs from the replay by what that price leads to.
    trades = [row for row in range(len(ticks) // 2) if ticks.rows["kind"][row] == 1 and ticks.rows["price"][row] > 0]
    ticks.rows["price"][trades[len(trades) // 2]] *= 100
    other = write(tmp_path / "other.parquet", ticks)
    scan, scan_of_other = (scanned(path, tmp_path / path.stem) for path in (source, other))

    topics.create(broker.brokers, prefix)
    settings = Settings(brokers=broker.brokers, prefix=prefix, model="none", checkpoint_interval_ms=500)
    job = EmbeddedJob.start(settings, tmp_path / "job")
    try:
        status, answer = replayed(source, broker, prefix + "ticks.raw", str(scan))
    finally:
        job.stop()
    assert (status, answer["diff"]["new"], answer["diff"]["gone"], answer["diff"]["changed"]) == (0, [], [], [])
    wanted = findings_of_run(str(scan))
    assert answer["diff"]["same"] == len(wanted) > 30
    assert answer["run"]["prefix"] == prefix
    assert sum(part["messages"] for part in answer["run"]["input"]) == answer["messages"]

    # The job's topics are a run by their name, too.
    made = findings_of_run(f"{broker.brokers}/{prefix}")
    assert compare(wanted, made).is_same
    difference = compare(findings_of_run(str(scan_of_other)), made)
    assert "decimal_shift" in {one.code for one in difference.gone}


def test_what_cannot_be_compared(broker: Broker, prefix: str, tmp_path: Path) -> None:
    source = write(tmp_path / "ticks.parquet", faulty_market(minutes=0.1, symbols=2, rate=5.0, per_kind=0))
    scan = scanned(source, tmp_path / "scan")
    with pytest.raises(SettingsError, match=r"found no such folder, expected .* HOST:PORT/PREFIX"):
        findings_of_run(str(tmp_path / "nowhere"))
    arguments = [str(source), "--brokers", broker.brokers, "--speed", "max", "--diff", str(scan), "--to-topic"]
    missing = CliRunner().invoke(replay_command, [*arguments, prefix])
    assert isinstance(missing.exception, SettingsError)
    assert f"found no topic {prefix}ticks.raw or {prefix}.ticks.raw" in str(missing.exception)

    topics.create(broker.brokers, prefix)
    nobody = CliRunner().invoke(replay_command, [*arguments, prefix.removesuffix("."), "--patience", "1"])
    assert isinstance(nobody.exception, ServiceError)
    assert "and nothing new for 1 s; see that a job runs there" in str(nobody.exception)
    shifted = CliRunner().invoke(replay_command, [*arguments, prefix, "--shift-to-now"])
    assert (shifted.exit_code, "leave --shift-to-now and --no-seal out" in shifted.stderr) == (2, True)
