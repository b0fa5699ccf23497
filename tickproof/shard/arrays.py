"""What the kernels of a shard take: its state as arrays, a slice of ticks, and the records that one tick uses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.instrument.consensus import Instruments
from tickproof.instrument.silence import Liveness
from tickproof.kernel import Fields, kernel
from tickproof.reference.tables import Tables
from tickproof.rules.relations.marks import Relations
from tickproof.ticks.records import Record, Records


class FactorTables(NamedTuple):
    """What features remember of all instruments.

    Attributes
    ----------
    measures : array of MEASURE
        By instrument.
    symbols : array of SYMBOL
        By symbol.
    groups : array of GROUP
        By group of peers.
    market : array of MARKET, shape (1,)
    """

    measures: Records
    symbols: Records
    groups: Records
    market: Records


class ShardArrays(NamedTuple):
    """A shard's state, of known instruments only, but at least one.

    Attributes
    ----------
    liveness : Liveness
        Instruments, their usual times of day, channels' clocks.
    venues : array of VENUE
        By venue.
    shard : array of SHARD, shape (1,)
    factors : FactorTables
    reference : Tables
    relations : Relations
    evidence : array of EVIDENCE
        By instrument.
    """

    liveness: Liveness
    venues: Records
    shard: Records
    factors: FactorTables
    reference: Tables
    relations: Relations
    evidence: Records


class Tags(NamedTuple):
    """Which instrument and channel each row of a slice belongs to.

    Attributes
    ----------
    instrument_of : int64 array, shape (n,)
        Instrument of each row; -1 where it has none. Undefined for rows that were final before.
    channel_of : int64 array, shape (n,)
    is_liveness : bool array, shape (n,)
        Rows that only show that their channel lives.
    """

    instrument_of: npt.NDArray[np.int64]
    channel_of: npt.NDArray[np.int64]
    is_liveness: npt.NDArray[np.bool_]


class Slice(NamedTuple):
    """Ticks that are not final yet, then the new ones, in the shard's order, with what is kept of each.

    Attributes
    ----------
    rows : array of ROW, shape (n,)
    tags : Tags
    contexts : array of CONTEXT, shape (n,)
    features : float64 array, shape (n, n_features)
    """

    rows: Records
    tags: Tags
    contexts: Records
    features: npt.NDArray[np.float64]


class SliceTimes(NamedTuple):
    """How far to go.

    Attributes
    ----------
    lookahead : int
        ns.
    horizon : int
        Event time, ns, below which no tick is to come.
    start : int
        The first row to score.
    final : int
        The first row that is not final yet.
    """

    lookahead: int
    horizon: int
    start: int
    final: int


class PricedTick(NamedTuple):
    """A tick with a price, and the records that it uses.

    Attributes
    ----------
    row : record of ROW
    context : record of CONTEXT
    features : float64 array, shape (n_features,)
    instrument : record of INSTRUMENT
    venue : record of VENUE
    evidence : record of EVIDENCE
    """

    row: Record
    context: Record
    features: npt.NDArray[np.float64]
    instrument: Record
    venue: Record
    evidence: Record


@kernel(forceinline=True)
def named_slice(fields: Fields) -> Slice:
    """Return the fields of a slice with their names."""
    return Slice(fields[0], Tags(*fields[1]), fields[2], fields[3])


@kernel(forceinline=True)
def named_arrays(fields: Fields) -> ShardArrays:
    """Return the fields of a shard's arrays with their names."""
    liveness = Liveness(Instruments(*fields[0][0]), fields[0][1], fields[0][2], fields[0][3])
    factors, tables, relations = FactorTables(*fields[3]), Tables(*fields[4]), Relations(*fields[5])
    return ShardArrays(liveness, fields[1], fields[2], factors, tables, relations, fields[6])
