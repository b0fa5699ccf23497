"""`tickproof evaluate`: the quality of verdicts and findings, measured against labels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from commands.evaluation.tables import console, show, show_comparison, show_unlabelled
from models.evaluation.evaluate import Run, conclude, observe
from tickproof.errors import InputError, SettingsError
from tickproof.findings.finding import VERDICTS, Finding, decode
from tickproof.findings.label import Label, from_csv
from tickproof.ticks.schema import SCHEMA


class Stream(NamedTuple):
    """One stream: scored ticks, findings and labels; and scored ticks and run of the same stream without faults, if given."""

    scored: pa.Table
    findings: list[Finding]
    labels: list[Label]
    clean: tuple[pa.Table, Run] | None


def run(
    *,
    scored: tuple[Path, ...],
    findings: tuple[Path, ...],
    labels: tuple[Path, ...],
    clean_scored: tuple[Path, ...],
    clean_findings: tuple[Path, ...],
    baselines: bool,
    as_json: bool,
) -> None:
    """Measure streams and print the result."""
    _check_counts(len(scored), {"--findings": findings, "--labels": labels}, baselines)
    if len(clean_scored) != len(clean_findings):
        raise SettingsError("--clean-scored and --clean-findings go together: give both, or neither for shifted windows")
    if clean_scored and len(clean_scored) != len(scored):
        raise SettingsError(
            f"--clean-scored: found {len(clean_scored)}, expected one for each of {len(scored)} --scored, or none"
        )
    streams = _streams(list(zip(scored, findings, strict=True)), labels, list(zip(clean_scored, clean_findings, strict=True)))
    if not labels:
        _say_unlabelled(streams, as_json)
    elif baselines:
        _say_comparison(streams, as_json)
    else:
        observed = [observe(Run.of(one.scored, one.findings), one.labels, one.clean and one.clean[1]) for one in streams]
        result = conclude(observed)
        if as_json:
            click.echo(json.dumps(result.to_dict(), indent=1))
        else:
            show(result, console())


def _say_comparison(streams: Iterator[Stream], as_json: bool) -> None:
    from models.evaluation.against_baselines import TICKPROOF, Comparison, observe_all

    comparison = Comparison.of(
        [observe_all(one.scored, Run.of(one.scored, one.findings), one.labels, one.clean) for one in streams]
    )
    result = comparison.evaluations[TICKPROOF]
    if as_json:
        click.echo(json.dumps({**result.to_dict(), "baselines": comparison.to_dict()}, indent=1))
    else:
        show(result, console())
        show_comparison(comparison, console())


def _say_unlabelled(streams: Iterator[Stream], as_json: bool) -> None:
    from models.evaluation.against_baselines import Unlabelled

    found = reduce(add, (Unlabelled.of(one.scored, one.findings) for one in streams))
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        show_unlabelled(found, console())


def _check_counts(streams: int, given: dict[str, tuple[Path, ...]], baselines: bool) -> None:
    if not given["--labels"] and not baselines:
        raise SettingsError("--labels: found none; give one for each --scored, or --baselines to compare cleaners without labels")
    for option, paths in given.items():
        if len(paths) != streams and (paths or option != "--labels"):
            raise SettingsError(f"{option}: found {len(paths)}, expected one for each of {streams} --scored")


def _streams(runs: Sequence[tuple[Path, Path]], labels: Sequence[Path], clean: Sequence[tuple[Path, Path]]) -> Iterator[Stream]:
    """Yield the streams one by one, so that only one is held in memory."""
    for place, (scored, findings) in enumerate(runs):
        episodes = from_csv(_text(labels[place]), str(labels[place])) if labels else []
        table, found = _ticks(scored), _findings(findings)
        without = None
        if clean:
            other = _ticks(clean[place][0])
            without = other, Run.of(other, _findings(clean[place][1]))
        yield Stream(table, found, episodes, without)


def _ticks(path: Path) -> pa.Table:
    try:
        known = set(pq.read_schema(path).names)
        return pq.read_table(path, columns=[name for name in (*SCHEMA.names, *VERDICTS) if name in known])
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not readable as Parquet ({reason}); expected the scored ticks of `tickproof scan`") from error


def _findings(path: Path) -> list[Finding]:
    found = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        try:
            if line.strip():
                found.append(decode(line.encode()))
        except msgspec.MsgspecError as error:
            raise InputError(
                f"{path}, line {number}: not a finding ({error}); expected the findings of `tickproof scan`"
            ) from error
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}; expected what `tickproof` writes") from error
