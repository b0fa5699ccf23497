"""`tickproof evaluate`: how good verdicts and findings are, measured against labels."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table

from models.evaluate import Run, evaluate
from models.measures import BUDGETS, Evaluation
from tickproof.errors import InputError, SettingsError
from tickproof.finding import VERDICTS, Finding, decode
from tickproof.label import from_csv
from tickproof.tick import SCHEMA

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--scored", required=True, type=FILE, metavar="F", help="Scored ticks (Parquet), as `scan` writes them.")
@click.option(
    "--findings", required=True, type=FILE, metavar="F", help="Findings, a JSON object a line; all revisions or the last."
)
@click.option("--labels", required=True, type=FILE, metavar="F", help="Labels (CSV), as `simulate` writes them.")
@click.option("--clean-scored", type=FILE, metavar="F", help="Scored ticks of the same stream without faults.")
@click.option("--clean-findings", type=FILE, metavar="F", help="Findings of the same stream without faults.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    scored: Path, findings: Path, labels: Path, clean_scored: Path | None, clean_findings: Path | None, as_json: bool
) -> None:
    """Measure verdicts and findings against labels: recall by kind with what chance would find, false alarms per million
    ticks, genuine events called corrupt, and what the model adds to the rules.

    \b
    Examples:
      tickproof evaluate --scored out/scored.parquet --findings out/findings.jsonl --labels sim/labels.csv
      tickproof evaluate --scored out/scored.parquet --findings out/findings.jsonl --labels sim/labels.csv \\
        --clean-scored clean/scored.parquet --clean-findings clean/findings.jsonl --json
    """
    if (clean_scored is None) != (clean_findings is None):
        raise SettingsError("--clean-scored and --clean-findings go together: give both, or neither for shifted windows")
    episodes = from_csv(_text(labels), str(labels))
    run = Run.of(_ticks(scored), _findings(findings))
    clean = Run.of(_ticks(clean_scored), _findings(clean_findings)) if clean_scored and clean_findings else None
    result = evaluate(run, episodes, clean)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=1))
        return
    console = Console()
    if not console.is_terminal:
        # A file or a pipe has no width of its own: rows stay whole.
        console = Console(width=160, no_color=True)
    show(result, console)


def show(result: Evaluation, console: Console) -> None:
    """Print an evaluation as tables; without boxes where there is no terminal."""
    style = box.SIMPLE if console.is_terminal else None
    false = result.false_alarms
    table = Table("kind", box=style, pad_edge=False)
    columns = ("found", "recall", "95 %", "chance", *(f"at {budget}/M" for budget in BUDGETS), "rules", "model", "delay")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.kinds:
        at = [_share(row.at[str(budget)]) for budget in BUDGETS]
        interval = f"{row.low:.2f}–{row.high:.2f}"
        parts = _share(row.rules), _share(row.model), "–" if row.delay_s is None else f"{row.delay_s:.3f} s"
        table.add_row(row.kind, f"{row.found}/{row.episodes}", _share(row.share), interval, _share(row.chance), *at, *parts)
    macro = result.macro()
    names = ("recall", None, "chance", *(f"at_{budget}" for budget in BUDGETS), "rules", "model")
    table.add_section()
    table.add_row("macro average", "", *("" if name is None else _share(macro[name]) for name in names), "")
    console.print(table)
    console.print(f"chance: {result.chance_by}")
    console.print(
        f"false alarms: {false.per_million:.1f} per million: {false.count} in {false.denominator} ticks"
        f" ({false.ticks_by_rules} ticks by rules, {false.ticks_by_model} by the model, {false.findings} findings);"
        f" ticks calm {false.calm:.1f}, in genuine events {false.volatile:.1f} per million"
    )
    for twin in result.genuine:
        interval = f"{twin.low:.2f}–{twin.high:.2f}"
        console.print(f"{twin.kind}: {twin.called} of {twin.episodes} called corrupt or anomalous (95 % {interval})")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


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
