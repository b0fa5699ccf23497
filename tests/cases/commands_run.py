"""Commands as a person calls them, in this process: their exit status and what they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from commands import main


class Ran(NamedTuple):
    """What came of a command: exit status, standard output, and the lines on standard error."""

    status: int
    out: str
    errors: list[str]


class Scanned(NamedTuple):
    """What came of a scan: the command, and what it left in its folder; nothing where there is no such file."""

    ran: Ran
    findings: list[dict[str, Any]]
    ticks: list[dict[str, Any]]

    def codes(self) -> set[str]:
        """Return the codes of the findings."""
        return {finding["code"] for finding in self.findings}


def ran(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Ran:
    """Run a command; an exception that is no exit status is the test's failure."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Ran(int(ended.value.code or 0), captured.out, captured.err.splitlines())


def scanned(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str | Path) -> Scanned:
    """Scan by rules alone, without a report."""
    done = ran(capsys, "scan", *arguments, "--out", out, "--model", "none", "--no-report")
    findings = (out / "findings.jsonl").read_text().splitlines() if (out / "findings.jsonl").exists() else []
    scored = pq.read_table(out / "scored.parquet").to_pylist() if (out / "scored.parquet").exists() else []
    return Scanned(done, [json.loads(line) for line in findings], scored)
