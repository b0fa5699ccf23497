"""The page about recordings: what was found on each, and a person's reading of what was not expected."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from commands.survey.wildest import Minute, table, wildest
from models.evaluation.against_baselines import TICKPROOF, Unlabelled
from models.evaluation.results import per_million
from tickproof.errors import SettingsError
from tickproof.findings.finding import CODES, Class, Finding, Quality, Severity

_SEVERITIES = [severity.value for severity in Severity]
UNREAD = "**not read yet**"


@dataclass(frozen=True, slots=True)
class Unexpected:
    """Findings of one code on one recording that a clean feed would not have: corrupt ticks and feed anomalies.

    Attributes
    ----------
    severity : str
        The worst among the findings.
    findings, ticks : int
        Findings, and ticks of `final_quality` 2 with this code among their reasons.
    """

    code: str
    severity: str
    findings: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The result for one recording; `error` says why it was not scanned."""

    name: str
    files: int
    ticks: int = 0
    by_quality: dict[str, int] = field(default_factory=dict)
    undecoded: dict[str, int] = field(default_factory=dict)
    by_class: dict[str, dict[str, int]] = field(default_factory=dict)
    unexpected: tuple[Unexpected, ...] = ()
    cleaners: Unlabelled | None = None
    wildest: tuple[Minute, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A person's reading of the findings of one code on a recording; valid for exactly these counts."""

    recording: str
    code: str
    findings: int
    ticks: int
    text: str


@dataclass(frozen=True, slots=True)
class Notes:
    """What people say about recordings: files that belong together or are left out (patterns), what happened in which minute, and
    readings."""

    together: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    events: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Notes:
        """Read notes from TOML: `together`, `left_out`, `events` and an array `reading`; an absent file has none.

        Raises
        ------
        SettingsError
            The file is not TOML of this form.
        """
        if not path.exists():
            return cls()
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
            unknown = sorted(set(content) - {"together", "left_out", "events", "reading"})
            if unknown:
                raise SettingsError(f"{path}: found {', '.join(unknown)}, expected together, left_out, events and reading")
            readings = tuple(Reading(**one) for one in content.get("reading", []))
            return cls(content.get("together", {}), content.get("left_out", {}), readings, content.get("events", {}))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
            raise SettingsError(f"{path}: not notes on recordings ({error}); see `tickproof survey --help`") from error

    def grouped(self, files: Iterable[Path], root: Path) -> dict[str, list[Path]]:
        """Return the files by recording: as `together` says, else by folder; names are paths below the root."""
        out: dict[str, list[Path]] = {}
        for file in files:
            path = file.relative_to(root).as_posix()
            if any(fnmatch(path, pattern) for pattern in self.left_out):
                continue
            names = [name for name, patterns in self.together.items() if any(fnmatch(path, pattern) for pattern in patterns)]
            out.setdefault(names[0] if names else Path(path).parent.as_posix(), []).append(file)
        return out


def survey(name: str, files: int, scored: pa.Table, findings: Sequence[Finding], undecoded: dict[str, int]) -> Surveyed:
    """Summarise the scan of one recording.

    Parameters
    ----------
    scored : pa.Table
        Ticks with verdicts.
    findings : sequence of Finding
        The last revision of each.
    """
    quality = scored.column("final_quality").to_numpy()
    cleaners = Unlabelled.of(scored, findings)
    counts = np.bincount(quality, minlength=len(Quality)).tolist()
    return Surveyed(
        name,
        files,
        cleaners.ticks,
        {one.name.lower(): counts[one] for one in Quality},
        undecoded,
        {
            class_.value: dict(sorted(Counter(one.code for one in findings if one.class_ == class_).items()))
            for class_ in Class
            if any(one.class_ == class_ for one in findings)
        },
        _unexpected(findings, scored.column("final_reasons").to_numpy()[quality == Quality.CORRUPT]),
        cleaners,
        wildest(scored, findings),
    )


def _unexpected(findings: Sequence[Finding], corrupt: Any) -> tuple[Unexpected, ...]:
    """Return by code the unexpected findings and the corrupt ticks, whose reasons are `corrupt`."""
    out = []
    for code in CODES:
        severities = [
            one.severity.value
            for one in findings
            if one.code == code.name
            and (one.class_ == Class.CORRUPT_TICK or (one.class_ == Class.FEED_ANOMALY and one.severity != Severity.INFO))
        ]
        ticks = int(((corrupt >> np.uint64(code.bit)) & np.uint64(1)).sum())
        if severities or ticks:
            worst = max(severities, key=_SEVERITIES.index, default="")
            out.append(Unexpected(code.name, worst, len(severities), ticks))
    return tuple(out)


def page(recordings: Sequence[Surveyed], notes: Notes, command: str, version: str) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    command : str
        The command that makes the page.
    version : str
        Versions of model and rules.
    """
    readings = {(one.recording, one.code): one for one in notes.readings}
    lines = [
        "# Recordings",
        "",
        f"Made by `{command}` with {version}; do not edit by hand. Readings are in the TOML file of the same name.",
        "",
    ]
    lines += _overview(recordings)
    lines += ["", "## Unexpected findings, and how they read", ""]
    lines += ["| recording | code | severity | findings | corrupt ticks | reading |", "|---|---|---|--:|--:|---|"]
    used = set()
    for one in recordings:
        for found in one.unexpected:
            used.add((one.name, found.code))
            text = _reading(readings.get((one.name, found.code)), found)
            lines.append(
                f"| {one.name} | `{found.code}` | {found.severity or '–'} | {found.findings:,} | {found.ticks:,} | {text} |"
            )
    stale = sorted(set(readings) - used)
    if stale:
        lines += ["", "Read before and not found any more: " + ", ".join(f"{name} `{code}`" for name, code in stale) + "."]
    lines += ["", "## The wildest minutes", "", *table([(one.name, one.wildest) for one in recordings], notes.events)]
    lines += ["", "## Published cleaners compared", "", *_cleaners(recordings)]
    if notes.left_out:
        lines += ["", "Left out: " + "; ".join(f"`{pattern}`, {why}" for pattern, why in sorted(notes.left_out.items())) + "."]
    return "\n".join(lines) + "\n"


def unread(recordings: Sequence[Surveyed], notes: Notes) -> int:
    """Count the unexpected findings without a reading for their present counts."""
    readings = {(one.recording, one.code): one for one in notes.readings}
    pairs = [(readings.get((one.name, found.code)), found) for one in recordings for found in one.unexpected]
    return sum(not _fits(reading, found) for reading, found in pairs)


def _overview(recordings: Sequence[Surveyed]) -> list[str]:
    lines = [
        "| recording | files | ticks | corrupt | suspect | market event | findings by class and code | not decoded |",
        "|---|--:|--:|--:|--:|--:|---|---|",
    ]
    for one in recordings:
        if one.error:
            lines.append(f"| {one.name} | {one.files} | – | – | – | – | {_cell(one.error)} | |")
            continue
        corrupt, suspect, event = (one.by_quality[name] for name in ("corrupt", "suspect", "market_event"))
        classes = "; ".join(f"{class_}: {_counts(codes)}" for class_, codes in one.by_class.items())
        cells = (one.name, str(one.files), f"{one.ticks:,}", f"{corrupt:,}", f"{suspect:,}", f"{event:,}", classes)
        lines.append(f"| {' | '.join(cells)} | {_cell(_counts(one.undecoded))} |")
    ticks, corrupt = sum(one.ticks for one in recordings), sum(one.by_quality.get("corrupt", 0) for one in recordings)
    lines += ["", f"{ticks:,} ticks in all, {corrupt:,} of them called corrupt ({per_million(corrupt, ticks):.1f} a million)."]
    return lines


def _cleaners(recordings: Sequence[Surveyed]) -> list[str]:
    known = [(one.name, one.cleaners) for one in recordings if one.cleaners]
    if not known:
        return ["No recording was scanned."]
    names = list(known[0][1].cleaners)
    lines = ["Ticks flagged, of a million.", "", f"| recording | {' | '.join(name.replace('_', ' ') for name in names)} |"]
    lines.append("|---|" + "--:|" * len(names))
    for recording, found in known:
        rates = (per_million(found.cleaners[name].flags, found.ticks) for name in names)
        lines.append(f"| {recording} | {' | '.join(f'{rate:,.1f}' for rate in rates)} |")
    total = sum((found for _, found in known[1:]), known[0][1])
    lines += ["", "What the flags are to tickproof, all recordings together:", ""]
    lines += ["| cleaner | flags | corrupt | market event | explained | suspect | good | in wild minutes |", "|---|" + "--:|" * 7]
    for name, flags in total.cleaners.items():
        parts = (flags.flags, flags.corrupt, flags.market_event, flags.explained, flags.suspect, flags.good, flags.wild)
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(f'{count:,}' for count in parts)} |")
    lines += ["", f"Wild minutes are the widest hundredth of each instrument's. {TICKPROOF}'s flags are its corrupt ticks."]
    return lines


def _reading(reading: Reading | None, found: Unexpected) -> str:
    if reading is None:
        return UNREAD
    if not _fits(reading, found):
        return f"{UNREAD}: written for {reading.findings:,} findings and {reading.ticks:,} ticks: {_cell(reading.text)}"
    return _cell(reading.text)


def _fits(reading: Reading | None, found: Unexpected) -> bool:
    return reading is not None and (reading.findings, reading.ticks) == (found.findings, found.ticks)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
