"""The offline engine: ticks in, the same ticks with their verdicts, findings and statistics out. No Kafka, no Flink.

`scan` is for notebooks, `run` for whoever streams. Both run the workers that the Flink job runs, so that a tick that a step
fails on becomes a dead letter here, too, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs.offline.input_order import InputOrder
from jobs.offline.result_tables import DeadLetter, finding_table, statistics_table
from jobs.pipeline.engine import Engine, Output
from jobs.pipeline.settings import PipelineSettings, pipeline_settings
from jobs.pipeline.workers import Undecoded
from models.store import registry
from producers.recordings.mapping.files import reference_of
from producers.recordings.mapping.rows import ticks_of_table
from producers.recordings.mapping.specification import ColumnMapping, load
from producers.recordings.reading.implied_reference import merged
from producers.recordings.reading.tally import Tally
from tickproof.errors import TickError
from tickproof.findings.finding import VERDICT, VERDICTS, Finding, verdict_columns
from tickproof.findings.second_statistics import Row
from tickproof.settings import Settings
from tickproof.ticks.arrow import from_arrow, to_arrow
from tickproof.ticks.conform import conform
from tickproof.ticks.schema import Array, Ticks, is_scored

BATCH_ROWS = 65_536
Table = TypeVar("Table", pa.Table, pd.DataFrame)


class EventTime(Protocol):
    """What moves event time where nothing is said: `producers.streams.heartbeats.Heartbeats`."""

    def step(self, ticks: Ticks) -> Ticks:
        """The ticks with capture heartbeats among them."""

    def seal(self, lookahead_ns: int, out_of_orderness_ns: int) -> Ticks:
        """The last capture heartbeats."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What became final in one step.

    Parameters
    ----------
    blocks : list of (Ticks, array of VERDICT)
        Batches of the input with their verdicts, in the input's order.
    findings : list of Finding
        Every revision, as it would be published.
    statistics : list of statistics.Row
    overtaken : int
        Ticks that came behind the watermark: judged by the message alone.
    read : int
        Ticks of the feed taken in by this step.
    dead_letters : list of DeadLetter
        Ticks that a step failed on, which are in no block, and messages that could not be decoded.
    failed_control_rows : int
        What channels reported and a shard's step failed on.
    """

    blocks: list[tuple[Ticks, Array]]
    findings: list[Finding]
    statistics: list[Row]
    overtaken: int
    read: int
    dead_letters: list[DeadLetter] = field(default_factory=list)
    failed_control_rows: int = 0


@dataclass(frozen=True, slots=True)
class Scan(Generic[Table]):
    """What `scan` gives, all of it of the kind that went in.

    Parameters
    ----------
    scored : Arrow table or DataFrame
        The input's rows in the input's order, canonical columns and then those of `tickproof.findings.finding.VERDICTS`; without
        the rows that a step failed on.
    findings : Arrow table or DataFrame
        The last revision of each finding, by `first_ts` and `id`; `evidence`, `contributions` and `corroboration` as JSON.
    statistics : Arrow table or DataFrame
        Rows of `tickproof.findings.second_statistics.Row`, by `ts` and `scope`.
    overtaken : int
        Ticks that came behind the watermark: judged by the message alone.
    dead_letters : list of DeadLetter
        The rows that a step failed on.
    undecoded : dict of str to int
        With a mapping: rows that are no ticks, by reason with the first of them. `scored` is without them.
    notes : dict of str to int
        With a mapping: what else was done to values, such as rounding, and to how many.
    """

    scored: Table
    findings: Table
    statistics: Table
    overtaken: int = 0
    dead_letters: list[DeadLetter] = field(default_factory=list)
    undecoded: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


def _none() -> Sequence[Undecoded]:
    return ()


def run(
    ticks: Iterable[Ticks],
    settings: PipelineSettings,
    event_time: EventTime | None = None,
    undecoded: Callable[[], Sequence[Undecoded]] = _none,
) -> Iterator[Slice]:
    """Score a stream in capture order. Memory is flat: batches leave as soon as all their ticks are final.

    Parameters
    ----------
    ticks : iterable of Ticks
        In capture order. Capture heartbeats among them are kept in the output, with a verdict of zeros, and counted nowhere.
    settings : PipelineSettings
        With the model loaded.
    event_time : EventTime, optional
        Adds capture heartbeats and the seal, as a replay does. Without it a channel that says nothing is known to be silent
        only when it speaks again, and what is open at the end stays open.
    undecoded : callable, optional
        Gives the messages that could not be decoded since it was last called.

    Raises
    ------
    StepError
        Nothing succeeds any more; see `jobs.pipeline.guard`.
    RuntimeError
        A tick got no verdict: a bug.
    """
    engine, order = Engine(settings), InputOrder()
    for batch in ticks:
        stamped = order.add(batch)
        read = int(is_scored(stamped.rows).sum())
        output = engine.feed(event_time.step(stamped) if event_time else stamped)
        yield _slice(output, order, read, _rejected(engine, undecoded(), output))
    if event_time:
        seal = event_time.seal(settings.shard.lookahead_ns, settings.channel.out_of_orderness_ns)
        yield _slice(engine.feed(seal), order, 0, [])
    output = engine.finish()
    yield _slice(output, order, 0, _rejected(engine, undecoded(), output))
    if len(order):
        raise RuntimeError(f"{len(order)} ticks got no verdict, expected none")


def _rejected(engine: Engine, undecoded: Sequence[Undecoded], output: Output) -> list[DeadLetter]:
    """Report messages that could not be decoded: their findings go to `output`."""
    for one in undecoded:
        output.findings.extend(engine.reject(one))
    return [DeadLetter.of_undecoded(one) for one in undecoded]


def _slice(output: Output, order: InputOrder, read: int, dead_letters: list[DeadLetter]) -> Slice:
    for _, result in output.scored:
        order.settle(result.final, result.verdicts)
    for behind, verdicts in output.overtaken:
        order.settle(behind, verdicts)
    for failed in output.failed:
        # Capture heartbeats wait for no verdict: none is lost.
        if is_scored(failed.tick.rows).all():
            order.leave_out(failed.tick)
            dead_letters.append(DeadLetter.of_failed(failed))
    overtaken = sum(len(behind) for behind, _ in output.overtaken)
    return Slice(order.take(), output.findings, output.statistics, overtaken, read, dead_letters, output.failed_control_rows)


def scan(
    ticks: Table,
    *,
    model: str = registry.NONE,
    settings: PipelineSettings | None = None,
    event_time: EventTime | None = None,
    mapping: ColumnMapping | Path | str | None = None,
) -> Scan[Table]:
    """Score ticks in memory: Arrow in, Arrow out; DataFrame in, DataFrame out.

    Parameters
    ----------
    ticks : pyarrow.Table or pandas.DataFrame
        The canonical schema (`tickproof.ticks.schema.SCHEMA`), in capture order; nullable columns that are absent are
        null, and verdict columns are ignored. A DataFrame's index comes back.
    model : str
        Alias or folder of a model; `none`: rules only.
    settings : PipelineSettings, optional
        With the model loaded; by default those of `Settings(model=model)`.
    event_time : EventTime, optional
        `producers.streams.heartbeats.Heartbeats(1)`: as the command `scan` does. See `run`.
    mapping : ColumnMapping, Path or str, optional
        What the table's columns mean, or the file that says so; see docs/your-own-files.md. Then columns may be time stamps with
        a zone, floats (rounded to nine decimals), decimals or text, and rows that are no ticks are counted. What the mapping
        implies of channels is assumed as the command does, unless `settings` say otherwise.

    Returns
    -------
    Scan

    Raises
    ------
    TickError
        The columns are not ticks.
    SettingsError
        The mapping says something wrong.
    InputError
        The table has not the columns of the mapping.
    ModelError
        No such model, or it does not fit.
    StepError
        Nothing succeeds any more; see `jobs.pipeline.guard`.

    Examples
    --------
    >>> result = scan(frame)  # doctest: +SKIP
    >>> frame[result.scored["final_quality"] != 2]  # doctest: +SKIP
    """
    table = ticks if isinstance(ticks, pa.Table) else _from_frame(ticks)
    chosen = settings or pipeline_settings(Settings(model=model)).opened()
    tally = Tally()
    if mapping is None:
        whole = from_arrow(canonical(table))
        origin: Array = np.arange(len(whole))
    else:
        mapped = mapping if isinstance(mapping, ColumnMapping) else load(Path(mapping))
        whole = ticks_of_table(table, mapped, tally)
        chosen = chosen.with_reference(merged(chosen.reference, reference_of(whole, mapped)))
        origin = whole.rows["row"]
    batches = (whole.take(slice(start, start + BATCH_ROWS)) for start in range(0, len(whole), BATCH_ROWS))
    places: list[Array] = [np.zeros(0, np.int64)]
    verdicts: list[Array] = [np.zeros(0, VERDICT)]
    last: dict[str, Finding] = {}
    rows: list[Row] = []
    dead_letters: list[DeadLetter] = []
    overtaken = 0
    for part in run(batches, chosen, event_time):
        places += [block.rows["offset"] for block, _ in part.blocks]
        verdicts += [block for _, block in part.blocks]
        last |= {finding.id: finding for finding in part.findings}
        rows += part.statistics
        dead_letters += part.dead_letters
        overtaken += part.overtaken
    kept = np.concatenate(places)
    scored = pa.Table.from_batches([to_arrow(whole.take(kept), verdict_columns(np.concatenate(verdicts)))])
    ordered = sorted(last.values(), key=lambda finding: (finding.first_ts, finding.id))
    found, seconds = finding_table(ordered), statistics_table(sorted(rows, key=lambda row: (row.ts, row.scope)))
    if isinstance(ticks, pa.Table):
        return Scan(scored, found, seconds, overtaken, dead_letters, dict(tally.undecoded), dict(tally.notes))
    frame, findings, statistics = (table.to_pandas(types_mapper=_WHOLE.get) for table in (scored, found, seconds))
    frame.index = ticks.index[origin[kept]]
    return Scan(frame, findings, statistics, overtaken, dead_letters, dict(tally.undecoded), dict(tally.notes))


_WHOLE = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
"""Integers stay integers where there are nulls: float64 has no room for a time in ns, or for most prices."""


def canonical(table: pa.Table) -> pa.Table:
    """The canonical columns of a table, as `tickproof.ticks.conform` makes them; verdict columns are left out.

    Raises
    ------
    TickError
        A column is missing or unknown, or has values that are not of its type.
    """
    try:
        return conform(table, VERDICTS)
    except TickError as error:
        raise TickError(f"ticks: {error}, or a mapping") from error


def _from_frame(frame: pd.DataFrame) -> pa.Table:
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TickError(f"ticks: not a table of ticks ({' '.join(str(error).split())})") from error
