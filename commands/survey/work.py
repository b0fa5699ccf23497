"""`tickproof survey`: all recordings below a folder, scanned, as one page.

A TOML file of the same name as the page holds what people say: which files belong together (`[together]`, a name and
patterns of paths below FOLDER; else a folder's files are one recording), which are left out and why (`[left_out]`), what happened
in a minute (`[events]`), and how each unexpected code reads (`[[reading]]`: `recording, code, findings, ticks, text`). A reading
whose counts are no longer those found is shown as not read yet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pyarrow.parquet as pq

from commands import configuration
from commands.survey.page import Notes, Surveyed, page, survey, unread
from jobs.offline import scan as engine
from jobs.offline import scan_folder
from jobs.pipeline.settings import PipelineSettings, pipeline_settings
from producers.recordings.registry import Tally, find, known, merged, open_recordings
from producers.streams.heartbeats import Heartbeats
from tickproof.errors import SettingsError, TickproofError
from tickproof.findings.finding import decode


def run(folder: Path, out: Path, model: str | None, scans: Path | None) -> None:
    """Carry out `tickproof survey`."""
    notes = Notes.read(out.with_suffix(".toml"))
    settings = pipeline_settings(configuration.read({"model": model}).settings).opened()
    groups = notes.grouped((file for file, _ in find([folder])), folder)
    surveyed = []
    with _folder(scans) as kept:
        for recording, files in groups.items():
            click.echo(f"scanning {recording}: {len(files)} files", err=True)
            surveyed.append(_scan(recording, files, settings, kept / recording))
    versions = settings.versions
    version = f"model {settings.model} ({versions.model if settings.shard.detector else '–'}) and rules {versions.rules}"
    text = page(surveyed, notes, f"tickproof survey {folder.as_posix()} --out {out.as_posix()}", version)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"survey: cannot write {out} ({error.strerror}); choose another --out or make room") from error
    ticks = sum(one.ticks for one in surveyed)
    click.echo(
        f"{out}: {len(surveyed)} recordings, {ticks:,} ticks, {unread(surveyed, notes)} unexpected findings without a reading"
    )


def _scan(name: str, files: list[Path], settings: PipelineSettings, folder: Path) -> Surveyed:
    """Scan the files of one recording into a folder; an unreadable file is reported and does not stop the survey."""
    tally = Tally()
    try:
        settings = settings.with_reference(merged(settings.reference, known(files)))
        scan_folder.write(engine.run(open_recordings(files, tally=tally), settings, Heartbeats(1)), folder)
        findings = [decode(line) for line in (folder / "findings.jsonl").read_bytes().splitlines()]
        return survey(name, len(files), pq.read_table(folder / "scored.parquet"), findings, dict(sorted(tally.undecoded.items())))
    except SettingsError:
        raise
    except TickproofError as error:
        return Surveyed(name, len(files), error=str(error))


@contextmanager
def _folder(scans: Path | None) -> Iterator[Path]:
    """Yield the folder for scans: one that is kept, or a temporary one."""
    if scans is not None:
        yield scans
        return
    with tempfile.TemporaryDirectory(prefix="tickproof-survey-") as name:
        yield Path(name)
