"""The rule that CONTRIBUTING adds, at work: its example passes, and a scan of a file finds it. Compiles the shard's kernels."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.project.worked_example import carried_out, run, tickproof
from tests.support.streams import Tape, units
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import Condition

CODE = "unmarked_odd_lot"


def test_the_rule_that_contributing_adds_is_found(root: Path, tmp_path: Path) -> None:
    copy = carried_out(root, tmp_path / "copy")
    said = run(copy, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "-rA", "tests/rules/test_codes.py", "-k", CODE)
    for test in ("test_a_stream_shows_its_code", "test_its_innocent_twin_is_judged_good"):
        assert f"PASSED tests/rules/test_codes.py::{test}[{CODE}]" in said
    tape = Tape()
    for k, (size, condition) in enumerate([(100, 0), (30, 0), (30, Condition.ODD_LOT), (250, 0)]):
        tape.trade(k * 10.0, size=size, conditions=int(condition))
    pq.write_table(pa.Table.from_batches([to_arrow(tape.ticks())]), tmp_path / "trades.parquet")
    (tmp_path / "lots.json").write_text(json.dumps({"instruments": [{"symbol": "ABC", "lot": units(100)}]}), encoding="utf-8")
    files = str(tmp_path / "trades.parquet"), "--reference", str(tmp_path / "lots.json"), "--out", str(tmp_path / "out")
    tickproof(copy, "scan", *files, "--model", "none")
    findings = [json.loads(line) for line in (tmp_path / "out" / "findings.jsonl").read_text(encoding="utf-8").splitlines()]
    (found,) = [finding for finding in findings if finding["code"] == CODE]
    assert (found["measured"], found["threshold"], found["unit"], found["count"]) == (30.0, 100.0, "size", 1)
    assert (found["class"], found["severity"], found["current"]) == ("feed_anomaly", "warning", "suspect")
    assert "The size is below the instrument&#39;s round lot" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
