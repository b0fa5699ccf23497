"""`tickproof report`: a scan's folder as one HTML file."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq

from reports import html
from reports.folder import SCORED, ScanFolder
from tickproof.errors import InputError, SettingsError
from tickproof.findings.finding import VERDICTS
from tickproof.findings.label import from_csv
from tickproof.ticks.schema import SCHEMA

REPORT = "report.html"


def run(*, folder: Path, out: Path | None, labels: Path | None, limit: int, open_it: bool, as_json: bool) -> None:
    """Write the report on a scan."""
    path = write_report(folder, out, labels, limit)
    if as_json:
        click.echo(json.dumps({"report": str(path), "bytes": path.stat().st_size}))
    else:
        click.echo(str(path))
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        click.echo("no browser was found; open the file by hand", err=True)


def write_report(folder: Path, out: Path | None = None, labels: Path | None = None, limit: int = html.INCIDENTS_SHOWN) -> Path:
    """Write the report on a scan's folder, with recall if there are labels; return its path.

    Raises
    ------
    InputError
        The folder is not a scan's, or the labels cannot be read.
    SettingsError
        The file cannot be written.
    """
    path = out or folder / REPORT
    text = html.render(folder, limit=limit, recall=_recall(folder, labels) if labels else None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"report: cannot write {path} ({error.strerror}); choose another --out or make room") from error
    return path


def _recall(folder: Path, labels: Path) -> dict[str, Any]:
    from models.evaluation.evaluate import Run, evaluate  # imports what only labels need

    try:
        episodes = from_csv(labels.read_text(encoding="utf-8"), str(labels))
    except UnicodeDecodeError as error:
        raise InputError(f"{labels}: not UTF-8 text at byte {error.start}; expected what `tickproof simulate` writes") from error
    scan = ScanFolder.open(folder)
    scored = pq.read_table(folder / SCORED, columns=[*SCHEMA.names, *VERDICTS])
    return evaluate(Run.of(scored, scan.findings), episodes).to_dict()
