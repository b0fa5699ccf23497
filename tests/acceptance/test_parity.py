"""Must hold 2: `scan` and Flink say the same, field by field, however the ticks are sent and the job is run."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands import program
from jobs.services.broker import Broker
from tests.acceptance.streams_in_full import EURUSD, IBM, stream
from tests.support import job_run as flow
from tests.support import kill_guarantees as holds
from tests.support.job_run import Flow
from tests.support.kill_guarantees import Variant
from tickproof.findings.finding import VERDICT, Finding
from tickproof.ticks.arrow import from_arrow, to_arrow
from tickproof.ticks.schema import SCHEMA, Array, Ticks, concat

VARIANTS = (
    Variant(rows=1_000),
    Variant(rows=100, parallelism=2),
    Variant(rows=1, interleaving=1),
    Variant(rows=1, parallelism=2),
    Variant(rows=1_000, parallelism=2, interleaving=2),
    Variant(rows=100, interleaving=3),
    Variant(json=True),
    Variant(json=True, parallelism=2, interleaving=4),
    Variant(rows=1_000, stopped=True),
    Variant(rows=100, parallelism=2, interleaving=5, stopped=True),
    Variant(json=True, parallelism=2, stopped=True),
)


@pytest.fixture(scope="module")
def whole(data: Path) -> Ticks:
    """The recorded days, then the market."""
    return concat([stream(name, data) for name in ("ibm", "eurusd", "market")])


@pytest.fixture(scope="module")
def wanted(whole: Ticks) -> Flow:
    """What the engine says of all."""
    return flow.expected(whole)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.usefixtures("flink")
def test_flink_says_what_the_engine_says(
    variant: Variant, whole: Ticks, wanted: Flow, broker: Broker, prefix: str, tmp_path: Path, figures: list[str]
) -> None:
    begun = monotonic()
    found = holds.scored_by_flink(broker.brokers, prefix, tmp_path, whole, variant)
    took_s = monotonic() - begun
    assert flow.differences(found, wanted) == []
    figures.append(
        f"2 {variant}: {found.ticks:,} ticks, {len(found.findings):,} findings, all fields equal, {took_s:.0f} s in all"
    )


def test_scan_says_what_the_engine_says(data: Path, whole: Ticks, wanted: Flow, tmp_path: Path, figures: list[str]) -> None:
    """The command itself, over the files of the recordings and the market as Parquet."""
    market = tmp_path / "market.parquet"
    pq.write_table(pa.Table.from_batches([to_arrow(stream("market", data))]), market)
    files = [str(data / "lean" / file) for file in (*IBM, *EURUSD)]
    out = tmp_path / "out"
    arguments = ["scan", *files, str(market), "--model", flow.MODEL, "--no-report", "--out", str(out)]
    result = CliRunner().invoke(program, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0
    table = pq.read_table(out / "scored.parquet")
    ticks = from_arrow(table.select(SCHEMA.names))
    verdicts = np.zeros(len(ticks), VERDICT)
    for name in VERDICT.names or ():
        verdicts[name] = table[name].to_numpy()
    mine = by_instrument(ticks, verdicts)
    parts = list(wanted.scored.values())
    theirs = by_instrument(concat([ticks for ticks, _ in parts]), np.concatenate([verdicts for _, verdicts in parts]))
    for name in VERDICT.names or ():
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    lines = (out / "findings.jsonl").read_bytes().splitlines()
    found = {finding.id: finding for finding in (msgspec.json.decode(line, type=Finding) for line in lines)}
    assert flow.differences(Flow({}, found, {}), Flow({}, wanted.findings, {})) == []
    figures.append(f"2 scan: {len(ticks):,} ticks, {len(found):,} findings, all fields equal")


@pytest.mark.usefixtures("flink")
def test_two_swapped_ticks_are_noticed(data: Path, broker: Broker, prefix: str, tmp_path: Path, figures: list[str]) -> None:
    """By the engine fifty times, and by the job once."""
    ticks = stream("market", data)
    wanted = flow.expected(ticks)
    rows = np.random.default_rng(5).integers(0, len(ticks) - 1_000, 50).tolist()
    for row in rows:
        assert flow.differences(flow.expected(holds.swapped(ticks, row)), wanted)
    found = holds.scored_by_flink(broker.brokers, prefix, tmp_path, holds.swapped(ticks, rows[0]), Variant(rows=1_000))
    assert flow.differences(found, wanted)
    figures.append(f"2 swapped: {len(rows)} of {len(rows)} swaps of two ticks noticed, one of them through Flink")


def by_instrument(ticks: Ticks, verdicts: Array) -> Array:
    """The verdicts by channel, venue and symbol, and in arrival order within each: shards keep no more of the input's order."""
    names = {name: number for number, name in enumerate(sorted(ticks.names))}
    table = np.array([*(names[name] for name in ticks.names), -1])
    return verdicts[np.lexsort([table[ticks.rows[column]] for column in ("symbol", "venue", "channel")])]
