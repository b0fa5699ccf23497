"""`python -m bench.recall`: recall by kind on sparse streams, whose axes each seed draws, with the slow faults in them.

An instrument says something 0.2 to 3 times a second, two to six venues show it, each with its own latency and clock, and a
channel carries one to ten symbols. Prints a table: faults found and genuine events called wrong by kind, false alarms, the delay.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import click
import numpy as np
import pyarrow as pa

from jobs.offline.scan import run
from jobs.pipeline.settings import pipeline_settings
from models.evaluation.evaluate import Run, conclude, observe
from models.evaluation.observed_stream import Observed
from models.evaluation.results import Evaluation
from producers.faults.table import SLOW, Faults
from producers.market.parameters import Market
from producers.market.profiles import PROFILES
from producers.market.reference import reference
from producers.simulation.day import simulate_all
from producers.streams.heartbeats import Heartbeats
from tickproof.findings.finding import verdict_columns
from tickproof.reference.data import parse
from tickproof.settings import Settings
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import concat

PURPOSE = 7011
"""Sets the draws of these streams apart from all others."""
KINDS = ("us-equity", "crypto", "fx")
MINUTES, BLOCK_S = 40.0, 400.0
BUDGET = 20.0
"""False alarms a million ticks that are aimed at."""


def sparse(seed: int) -> tuple[Market, Faults]:
    """Return a market of few messages, its axes drawn by the seed, and slow faults for it."""
    rng = np.random.default_rng([seed, PURPOSE])

    def between(low: float, high: float) -> float:
        return float(low * (high / low) ** rng.random())

    name = KINDS[seed % len(KINDS)]
    market = Market(
        seed=900_000 + seed,
        profile=name,
        minutes=MINUTES,
        block_s=BLOCK_S,
        symbols=int(rng.integers(4, 13)),
        venues=int(rng.integers(2, 7)),
        channel_symbols=int(rng.integers(1, 11)),
        least_rate=between(0.2, 0.6),
        peak_rate=between(1.5, 4.0) / PROFILES[name].rate,
        branching=float(rng.uniform(0.0, 0.75)),
        illiquid_share=float(rng.uniform(0.0, 0.15)),
        volatility=between(0.1, 0.5),
        spread_bp=between(0.8, 6.0),
        venue_noise=between(0.1, 0.45),
        trade_share=between(0.08, 0.25),
        latency_us=between(100.0, 2000.0),
        latency_spread=float(rng.uniform(0.2, 1.0)),
        clock_us=between(20.0, 500.0),
        tick_factor=int(rng.choice([1, 1, 5])),
        eventfulness=0.1,
    )
    return market, Faults(seed=seed, per_kind=4, names=tuple(SLOW), warm_up_s=300.0, least_rate=0.2)


def observed(seed: int, settings: Settings, *, has_reference: bool = True) -> tuple[Observed, dict[str, Any]]:
    """Simulate and score one stream; return what its labels show, faults by entry of the table, and what it is."""
    market, faults = sparse(seed)
    ticks, labels = simulate_all(market, faults)
    opened = pipeline_settings(settings).opened()
    if has_reference:
        opened = opened.with_reference(parse(reference(market, labels), "simulated"))
    parts = list(run([ticks], opened, Heartbeats(1)))
    blocks = [block for part in parts for block in part.blocks]
    verdicts = verdict_columns(np.concatenate([verdicts for _, verdicts in blocks]))
    table = pa.Table.from_batches([to_arrow(concat([ticks for ticks, _ in blocks]), verdicts)])
    named = [one if one.is_genuine else replace(one, kind=one.fault_id.rsplit("-", 1)[0]) for one in labels]
    result = observe(Run.of(table, [finding for part in parts for finding in part.findings]), named)
    return result, {"seed": seed, "profile": market.profile, "ticks": len(ticks), "labels": len(labels)}


def text(result: Evaluation) -> str:
    """Return the table of a result."""
    false = result.false_alarms
    lines = [f"{'kind':<22}{'found':>12}{'share':>8}   {'95 %':<14}{'delay s':>8}"]
    for row in result.kinds:
        share = row.found / max(row.episodes, 1)
        delay = "" if row.delay_s is None else f"{row.delay_s:.1f}"
        lines.append(
            f"{row.kind:<22}{f'{row.found}/{row.episodes}':>12}{share:>8.2f}   {row.low:.2f} to {row.high:.2f}  {delay:>8}"
        )
    for twin in result.genuine:
        lines.append(f"{twin.kind:<22}{f'{twin.called}/{twin.episodes}':>12}   called wrong")
    whole = max(false.denominator, 1)
    count = false.ticks_by_rules + false.ticks_by_model + false.findings
    lines.append(
        f"false alarms: {false.ticks_by_rules} by rules, {false.ticks_by_model} by the model, {false.findings} findings of "
        f"{false.denominator:,} ticks: {1e6 * count / whole:.1f} a million ({false.low:.1f} to {false.high:.1f})"
    )
    return "\n".join(lines)


@click.command()
@click.option("--seed", default=1, show_default=True, help="The first seed.")
@click.option("--streams", default=12, show_default=True, help="How many streams, one a seed.")
@click.option("--model", default="none", show_default=True, help="A model beside the rules.")
@click.option("--no-reference", is_flag=True, help="Without reference data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(seed: int, streams: int, model: str, *, no_reference: bool, as_json: bool) -> None:
    """Measure recall by kind on sparse streams."""
    results = []
    for one in range(seed, seed + streams):
        result, about = observed(one, Settings(model=model), has_reference=not no_reference)
        click.echo(json.dumps(about), err=True)
        results.append(result)
    found = conclude(results)
    if as_json:
        kinds = {row.kind: [row.found, row.episodes] for row in found.kinds}
        click.echo(json.dumps({"kinds": kinds, "called": {row.kind: [row.called, row.episodes] for row in found.genuine}}))
    else:
        click.echo(text(found))


if __name__ == "__main__":
    main()
