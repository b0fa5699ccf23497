"""What one shard remembers, and its state as the arrays that kernels take."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tickproof.features import market
from tickproof.features import state as features_state
from tickproof.features.table import NAMES
from tickproof.feeds.monitor import Watch
from tickproof.findings.second_statistics import ACCUMULATOR
from tickproof.findings.tracker import Tracker
from tickproof.instrument.consensus import MOST_VENUES, Instruments
from tickproof.instrument.evidence import EVIDENCE
from tickproof.instrument.flood_share import MINUTE
from tickproof.instrument.record import END_OF_LIST, INSTRUMENT
from tickproof.instrument.silence import CLOCK, Liveness
from tickproof.instrument.time_of_day import SEASON
from tickproof.reference.data import NOTHING, Reference
from tickproof.reference.tables import Index, Tables, build
from tickproof.rules import VERSION
from tickproof.rules.context import CONTEXT
from tickproof.rules.relations.marks import MARK, Relations
from tickproof.rules.relations.members import MEMBER
from tickproof.rules.venue_habits import VENUE
from tickproof.shard.arrays import FactorTables, ShardArrays
from tickproof.shard.registry import Registry
from tickproof.shard.score_slice import SHARD
from tickproof.shard.versions import Table
from tickproof.ticks.schema import Array, Ticks, empty
from tickproof.ticks.word_copy import copied

NO_SECOND = 2**62
SWEPT = ("silent",)
"""Fields of INSTRUMENT that `silence.sweep` writes to in any row, whatever the ticks of a step."""


def _table(name: str) -> property:
    """The rows of one of `ShardState.tables`."""

    def get(state: ShardState) -> Array:
        return state.tables[name].rows

    def put(state: ShardState, rows: Array) -> None:
        state.tables[name] = Table(rows, EMPTY[name])

    return property(get, put)


EMPTY = dict.fromkeys(
    ("instruments", "evidence", "seasons", "measures", "accumulators", "channel_of", "member_of", "symbols", "groups"), 0
) | {"heads": END_OF_LIST}
"""Tables that grow, and what integers of theirs hold that were never written."""


@dataclass(slots=True)
class ShardState:
    """All that a shard remembers; about 1 KB an instrument, and what is usual at its times of day.

    `tables` grow with instruments, symbols and groups of peers; versions of the state share their rows (see `versions.Table`).
    `block` holds the last second of final ticks and those that are not final yet, from row `final` on; `context`, `features`
    and `scores` lie beside the latter. `counted` are the instruments whose second of statistics is open, none of which is before
    `first_second`. `watch` follows the channels together, in one shard of all.
    """

    registry: Registry
    tables: dict[str, Table]
    venues: Array
    clocks: Array
    shard: Array
    market: Array
    minutes: Array
    marks: Array
    members: Array
    tracker: Tracker
    block: Ticks
    context: Array
    features: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    switches: Tables
    index: Index
    counted: npt.NDArray[np.int64]
    first_second: int = NO_SECOND
    final: int = 0
    reference: Reference = NOTHING
    watch: Watch = field(default_factory=Watch)

    instruments = _table("instruments")
    evidence = _table("evidence")
    seasons = _table("seasons")
    measures = _table("measures")
    accumulators = _table("accumulators")
    channel_of = _table("channel_of")
    member_of = _table("member_of")
    heads = _table("heads")
    symbols = _table("symbols")
    groups = _table("groups")

    @classmethod
    def new(cls, model_version: str = "none", reference: Reference = NOTHING) -> ShardState:
        """A shard that saw nothing yet."""
        switches, index = build(reference)
        tables = {
            "instruments": np.zeros(1, INSTRUMENT),
            "evidence": np.zeros(1, EVIDENCE),
            "seasons": np.zeros(1, SEASON),
            "measures": np.zeros(1, features_state.MEASURE),
            "accumulators": np.zeros(1, ACCUMULATOR),
            "channel_of": np.zeros(1, np.int64),
            "member_of": np.zeros(1, np.int64),
            "heads": np.full(1, END_OF_LIST, np.int64),
            "symbols": np.zeros(1, market.SYMBOL),
            "groups": np.zeros(1, market.GROUP),
        }
        return cls(
            registry=Registry(),
            tables={name: Table(rows, EMPTY[name]) for name, rows in tables.items()},
            venues=np.zeros(1, VENUE),
            clocks=np.zeros(1, CLOCK),
            shard=np.zeros(1, SHARD),
            market=np.zeros(1, market.MARKET),
            minutes=np.zeros(1, MINUTE),
            marks=np.zeros(len(index.marks), MARK),
            members=np.zeros(0, MEMBER),
            tracker=Tracker(VERSION, model_version, reference.feeds()),
            block=empty(),
            context=np.zeros(0, CONTEXT),
            features=np.zeros((0, len(NAMES))),
            scores=np.zeros(0, np.float32),
            switches=switches,
            index=index,
            counted=np.zeros(0, np.int64),
            reference=reference,
            watch=Watch(VERSION, reference.feeds()),
        )

    @property
    def count(self) -> int:
        """How many instruments are known."""
        return len(self.registry.instruments)

    def branch(
        self, instruments: npt.NDArray[np.int64], symbols: npt.NDArray[np.int64], counted: npt.NDArray[np.int64]
    ) -> ShardState:
        """A state that may be written to: rows of these instruments and symbols, and accumulators of the instruments `counted`.

        The registry, which only grows, is shared.
        """
        registry = self.registry
        grouped = self.symbols["group"][symbols[symbols < len(self.symbols)]]
        places = {"accumulators": counted, "heads": symbols, "symbols": symbols, "groups": np.unique(grouped[grouped > 0]) - 1}
        sizes = {"heads": len(registry.symbols), "symbols": len(registry.symbols), "groups": len(registry.groups)}
        return ShardState(
            registry,
            {
                name: table.branch(
                    places.get(name, instruments), sizes.get(name, self.count), SWEPT if name == "instruments" else ()
                )
                for name, table in self.tables.items()
            },
            copied(self.venues),
            copied(self.clocks),
            copied(self.shard),
            copied(self.market),
            copied(self.minutes),
            copied(self.marks),
            copied(self.members),
            self.tracker.copy(),
            self.block,
            self.context,
            self.features,
            self.scores,
            self.switches,
            self.index,
            self.counted,
            self.first_second,
            self.final,
            self.reference,
            self.watch,
        )

    def arrays(self) -> ShardArrays:
        """The arrays as the kernels take them; known instruments only, but at least one."""
        known = max(self.count, 1)
        switches = self.switches
        instruments = Instruments(self.instruments[:known], self.heads, np.empty(MOST_VENUES))
        return ShardArrays(
            Liveness(instruments, self.seasons, self.clocks, self.channel_of),
            self.venues,
            self.shard,
            FactorTables(self.measures, self.symbols, self.groups, self.market),
            switches,
            Relations(self.members, self.marks, switches.legs, switches.relations, switches.actions, self.member_of),
            self.evidence,
        )
