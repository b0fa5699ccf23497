"""Evaluations as tables: kinds of fault, false alarms, genuine twins, and published cleaners."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from models.evaluation.against_baselines import MEANINGS, TICK_KINDS, TICKPROOF, Comparison, Unlabelled
from models.evaluation.results import BUDGETS, Evaluation, per_million

WIDTH = 160
"""Columns where there is no terminal: a file or a pipe has no width of its own, and rows stay whole."""


def console() -> Console:
    """Return a console on the terminal, or one for plain text of a fixed width."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH, no_color=True)


def show(result: Evaluation, console: Console) -> None:
    """Print an evaluation as tables; without boxes where there is no terminal."""
    false = result.false_alarms
    table = _table(console, "kind")
    columns = ("found", "recall", "95 %", "chance", *(f"at {budget}/M" for budget in BUDGETS), "rules", "model", "delay")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.kinds:
        at = [_share(row.at[str(budget)]) for budget in BUDGETS]
        parts = _share(row.rules), _share(row.model), "–" if row.delay_s is None else f"{row.delay_s:.3f} s"
        found = f"{row.found}/{row.episodes}", _share(row.share), _interval(row.low, row.high), _share(row.chance)
        table.add_row(row.kind, *found, *at, *parts)
    macro = result.macro()
    names = (*(f"at_{budget}" for budget in BUDGETS), "rules", "model")
    average = "", _share(macro["recall"]), _interval(*result.macro_interval), _share(macro["chance"])
    table.add_section()
    table.add_row("macro average", *average, *(_share(macro[name]) for name in names), "")
    console.print(table)
    if result.streams > 1:
        console.print(f"{result.streams} streams together; intervals over {result.days} days of streams")
    console.print(f"chance: {result.chance_by}")
    console.print(
        f"false alarms: {false.per_million:.1f} per million (95 % {false.low:.1f}–{false.high:.1f}):"
        f" {false.count} in {false.denominator} ticks"
        f" ({false.ticks_by_rules} ticks by rules, {false.ticks_by_model} by the model, {false.findings} findings);"
        f" ticks calm {false.calm:.1f}, in genuine events {false.volatile:.1f} per million",
        soft_wrap=True,
    )
    for twin in result.genuine:
        interval = _interval(twin.low, twin.high)
        console.print(f"{twin.kind}: {twin.called} of {twin.episodes} called corrupt or anomalous (95 % {interval})")


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print published cleaners and tickproof: a table of averages, and one of recall by kind."""
    table = _table(console, "cleaner")
    columns = ("looks", "recall", "false/M", "twins", *(f"at {budget}/M" for budget in BUDGETS), "all kinds")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for name, evaluation in comparison.evaluations.items():
        ticks, (called, twins) = comparison.on_ticks(name), comparison.twins(name)
        table.add_row(
            name,
            "back" if MEANINGS[name][0] else "ahead too",
            _share(ticks["recall"]),
            f"{evaluation.false_alarms.per_million:.1f}",
            f"{called}/{twins}",
            *(_share(ticks[f"at_{budget}"]) for budget in BUDGETS),
            _share(evaluation.macro()["recall"]),
        )
    console.print(
        "\npublished cleaners, macro recall over kinds that are in single ticks; as published, and at a rate of false alarms"
    )
    console.print(table)
    for budget in BUDGETS[1:]:
        console.print(f"\nrecall at {budget} false alarms a million")
        console.print(_by_kind(comparison, str(budget), console))
    console.print(
        "tickproof: final verdicts, after a lookahead of 250 ms; findings count towards its recall and its false alarms"
    )


def show_unlabelled(found: Unlabelled, console: Console) -> None:
    """Print what each cleaner flags, and what that is to tickproof."""
    table = _table(console, "cleaner")
    for name in ("flags", "per million", "corrupt", "market event", "explained", "suspect", "good", "in wild minutes"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, flags in found.cleaners.items():
        parts = (flags.corrupt, flags.market_event, flags.explained, flags.suspect, flags.good, flags.wild)
        rate = per_million(flags.flags, found.ticks)
        table.add_row(name, f"{flags.flags:,}", f"{rate:,.1f}", *(f"{count:,}" for count in parts))
    console.print(f"flags of published cleaners among {found.ticks:,} ticks, by tickproof's verdict on them")
    console.print(table)
    console.print("wild minutes: the widest hundredth of each instrument's minutes, whichever of the parts a flag is in")


def _by_kind(comparison: Comparison, budget: str, console: Console) -> Table:
    table = _table(console, "kind")
    for name in comparison.evaluations:
        # One narrow column a cleaner: a word of its name a line.
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    for place, row in enumerate(comparison.evaluations[TICKPROOF].kinds):
        if row.kind in TICK_KINDS:
            cells = [_share(evaluation.kinds[place].at[budget]) for evaluation in comparison.evaluations.values()]
            table.add_row(row.kind, *cells)
    return table


def _table(console: Console, first: str) -> Table:
    return Table(first, box=box.SIMPLE if console.is_terminal else None, pad_edge=False)


def _interval(low: float, high: float) -> str:
    return f"{low:.2f}–{high:.2f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
