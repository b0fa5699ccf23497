"""The faults that a simulated stream can be given, and their genuine twins: one table, one entry each; how many are wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from producers.faults import genuine_twins as twins
from producers.faults import renaming
from producers.faults.editing.fault import Fault, Inject, Need
from producers.faults.kinds import burst as burst_faults
from producers.faults.kinds import channel as channel_faults
from producers.faults.kinds import field as field_faults
from producers.faults.kinds import level as level_faults
from producers.faults.kinds import relation as relation_faults
from producers.faults.kinds import sequence as sequence_faults
from producers.faults.kinds import symbol as symbol_faults
from producers.market.parameters import Family
from tickproof.errors import SettingsError

_ANY = (1.0, 1.0)
_FRACTION = "fraction of the price"
_NUMBERS: tuple[Need, ...] = ("sequence",)
_TRADES: tuple[Need, ...] = ("trades",)
_SIZES: tuple[Need, ...] = ("sizes",)
_RELATION: tuple[Need, ...] = ("relation",)
_LEGS = "spreads of the legs together"


def _symbol(name: str, inject: Inject, window_s: float, sizes: tuple[float, float], magnitude: str, **more: object) -> Fault:
    """A fault of a symbol whose kind is its name, unless said otherwise."""
    given: dict[str, object] = {"kind": name, "scope": "symbol"} | more
    return Fault(name=name, inject=inject, window_s=window_s, sizes=sizes, magnitude=magnitude, **given)  # type: ignore[arg-type]


def _channel(name: str, inject: Inject, window_s: float, sizes: tuple[float, float], magnitude: str, **more: object) -> Fault:
    """A fault of a channel whose kind is its name, unless said otherwise."""
    given: dict[str, object] = {"kind": name, "scope": "channel", "effect_s": 2.0} | more
    return Fault(name=name, inject=inject, window_s=window_s, sizes=sizes, magnitude=magnitude, **given)  # type: ignore[arg-type]


_LIST = "reference data: instruments may be negative"
_S, _F, _L, _B = symbol_faults, field_faults, level_faults, burst_faults
_PRICES = (
    _symbol("spike", _S.spike, 3.0, (0.01, 0.20), _FRACTION, twin="genuine_excursion"),
    _symbol("small_spike", _S.spike, 3.0, (0.001, 0.006), _FRACTION, kind="spike", twin="genuine_excursion"),
    _symbol("bad_run", _S.bad_run, 6.0, (0.003, 0.03), _FRACTION, twin="genuine_jump", ticks=16),
    _symbol("decimal_shift", _S.decimal_shift, 3.0, _ANY, "factor on the price", is_format=True, twin="genuine_split", ticks=2),
    _symbol(
        "price_not_positive", _S.price_not_positive, 3.0, _ANY, "factor on the price", about=("presence", "spread"), twin=_LIST
    ),
    _symbol("sentinel_value", _S.sentinel_value, 3.0, _ANY, "the value", is_format=True, ticks=2),
    _symbol("off_tick_grid", _S.off_tick_grid, 3.0, _ANY, "ticks", is_format=True, twin="genuine_average_price", ticks=2),
    _symbol(
        "precision_change", _S.precision_change, 4.0, _ANY, "ticks", kind="off_tick_grid", is_format=True,
        twin="genuine_average_price", ticks=30,
    ),
    _symbol(
        "crossed", _S.crossed, 3.0, (1.0, 8.0), "price steps", about=("spread",), twin="genuine_crossed",
        ticks=2,
    ),
    _symbol(
        "wide_spread", _S.wide_spread, 3.0, (20.0, 100.0), "times the usual spread", about=("spread",),
        twin="genuine_market_news", ticks=4,
    ),
    _symbol("outside_quotes", _S.outside_quotes, 5.0, (0.005, 0.05), _FRACTION, twin="genuine_late_print", needs=_TRADES),
    _symbol("digit_error", _S.digit_error, 3.0, _ANY, _FRACTION, twin="genuine_jump"),
    _symbol("bit_flip", _S.bit_flip, 3.0, _ANY, _FRACTION, is_format=True, twin="genuine_news"),
)  # fmt: skip
_FIELDS = (
    _symbol(
        "field_missing", _F.field_missing, 5.0, _ANY, "values lost", about=("presence",), twin="genuine_one_sided", needs=_TRADES
    ),
    _symbol("field_swap", _F.field_swap, 3.0, _ANY, "size over price", is_format=True, needs=_SIZES),
    _symbol("side_swap", _F.side_swap, 3.0, _ANY, "price steps", kind="field_swap", is_format=True, ticks=2),
    _symbol("symbol_swap", _F.symbol_swap, 3.0, _ANY, "foreign price over own", is_format=True, twin="genuine_rename"),
    _symbol(
        "size_outlier",
        _F.size_outlier,
        3.0,
        (200.0, 20_000.0),
        "factor on the usual size",
        twin="genuine_block_trade",
        needs=_SIZES,
    ),
    _symbol(
        "size_zero", _F.size_zero, 5.0, _ANY, "0: no size", kind="size_outlier", about=("presence",), needs=(*_TRADES, *_SIZES)
    ),
    _symbol(
        "time_implausible", _F.time_implausible, 3.0, (1.0, 12.0), "seconds that ts_event moved", about=("latency",), ticks=3
    ),
)
_LEVELS = (
    _symbol("frozen", _L.frozen, 8.0, _ANY, "fraction of the price missed at most", twin="genuine_pinned", ticks=80),
    _symbol(
        "frozen_price", _L.frozen_price, 9.0, _ANY, "fraction of the price missed at most", kind="frozen", twin="genuine_pinned",
        ticks=120,
    ),
    _symbol("stale_book", _L.stale_book, 8.0, _ANY, "fraction of the price missed at most", ticks=80, needs=_TRADES),
    _symbol(
        "stale_book_mute", _L.stale_book_mute, 8.0, _ANY, "fraction of the price missed at most", kind="stale_book", ticks=80,
        needs=_TRADES,
    ),
    _symbol("silent", _L.silent, 6.5, (4.0, 6.5), "seconds", twin="genuine_halt", ticks=150),
    _symbol(
        "drift", _L.drift, 60.0, (0.003, 0.03), _FRACTION, lasts_s=(6.0, 60.0), twin="genuine_trend", ticks=200
    ),
    _symbol(
        "unit_change", _L.unit_change, 45.0, _ANY, "factor on the price", lasts_s=(4.0, 45.0), is_format=True,
        twin="genuine_split", ticks=150,
    ),
    _symbol(
        "lots_change", _L.lots_change, 45.0, _ANY, "factor on the size", kind="unit_change", lasts_s=(4.0, 45.0), is_format=True,
        twin="genuine_split", ticks=150, needs=_SIZES,
    ),
    _symbol("cross_break", relation_faults.cross_break, 9.0, (2.5, 12.0), _LEGS, ticks=60, needs=_RELATION,
            twin="genuine_dislocation"),
    _symbol("cross_break_shared", relation_faults.cross_break, 9.0, (2.5, 12.0), _LEGS, kind="cross_break", reach="all",
            ticks=150, needs=_RELATION, twin="genuine_dislocation"),
    _symbol("out_of_session", _B.out_of_session, 20.0, _ANY, "seconds since the close", ticks=20, when_shut=True,
            twin="recordings: extended hours"),
    _symbol("burst", _B.burst, 3.0, (300.0, 3000.0), "messages", effect_s=5.0, twin="genuine_news", ticks=1170),
    _symbol("unknown_symbol", _B.unknown_symbol, 8.0, _ANY, "distance in price", effect_s=60.0, twin="genuine_listing", ticks=80),
)  # fmt: skip
_CHANNELS = (
    _channel("channel_silent", channel_faults.channel_silent, 7.0, (4.5, 7.0), "seconds", kind="silent", effect_s=3.0,
             twin="genuine_halt", ticks=3000),
    _channel("feed_silent", channel_faults.channel_silent, 7.0, (4.5, 7.0), "seconds", kind="silent", reach="venue", effect_s=3.0,
             twin="genuine_halt", ticks=6000),
    _channel("latency_spike", channel_faults.latency_spike, 4.5, (0.3, 1.2), "seconds", about=("latency",),
             twin="genuine_conflation", ticks=1500),
    _channel("clock_zone", channel_faults.clock_zone, 45.0, _ANY, "seconds ahead", kind="clock_offset", lasts_s=(4.0, 45.0),
             about=("latency",), twin="genuine_latency_burst", ticks=8000),
    _channel("clock_offset", channel_faults.clock_offset, 45.0, (0.02, 2.0), "seconds ahead", lasts_s=(4.0, 45.0),
             about=("latency",), twin="genuine_latency_burst", ticks=8000),
    _channel("clock_drift", channel_faults.clock_drift, 60.0, (0.001, 0.02), "seconds gained a second", lasts_s=(8.0, 60.0),
             about=("latency",), twin="genuine_latency_burst", ticks=10_000),
    _channel("rate_shift", channel_faults.rate_shift, 90.0, (0.5, 0.9), "share of messages lost", lasts_s=(10.0, 90.0),
             effect_s=10.0, twin="genuine_lull", ticks=8000),
    _channel("mix_shift", channel_faults.mix_shift, 90.0, (0.6, 0.95), "share of trades lost", lasts_s=(10.0, 90.0),
             effect_s=10.0, twin="genuine_quiet_tape", ticks=1000, needs=_TRADES),
    _channel("channel_burst", _B.channel_burst, 3.0, (2000.0, 8000.0), "messages", kind="burst", effect_s=5.0,
             twin="genuine_market_news", ticks=4330),
)  # fmt: skip
_SEQUENCES = tuple(
    _channel(name, inject, window_s, sizes, magnitude, stage="sequence", about=("sequence", "latency"), twin=twin, ticks=ticks,
             needs=_NUMBERS)
    for name, inject, window_s, sizes, magnitude, twin, ticks in (
        ("sequence_gap", sequence_faults.sequence_gap, 0.6, (1.0, 100.0), "messages lost", "recordings: one instrument", 20),
        ("sequence_reset", sequence_faults.sequence_reset, 0.3, _ANY, "numbers that the counter went back",
         "genuine_sequence_reset", 1),
        ("duplicate", sequence_faults.duplicate, 0.4, (1.0, 20.0), "messages repeated", "genuine_fills", 5),
        ("duplicate_changed", sequence_faults.duplicate_changed, 0.4, (1.0, 5.0), "messages repeated", "genuine_correction", 2),
        ("replayed_block", sequence_faults.replayed_block, 4.0, (100.0, 1500.0), "messages repeated", "", 400),
        ("out_of_order", sequence_faults.out_of_order, 0.8, (40.0, 200.0), "messages in between", "genuine_reorder", 3),
    )
)  # fmt: skip
_TWINS = (
    _symbol("genuine_excursion", twins.genuine_excursion, 12.0, (0.005, 0.05), _FRACTION, reach="all", lasts_s=(3.0, 12.0)),
    _symbol("genuine_jump", twins.genuine_jump, 25.0, (0.003, 0.03), _FRACTION, reach="all", lasts_s=(8.0, 25.0)),
    _symbol("genuine_trend", twins.genuine_trend, 60.0, (0.003, 0.03), _FRACTION, reach="all", lasts_s=(8.0, 60.0)),
    _symbol("genuine_pinned", twins.genuine_pinned, 5.0, _ANY, "seconds", reach="all"),
    _symbol("genuine_dislocation", relation_faults.genuine_dislocation, 9.0, (2.5, 12.0), _LEGS, reach="all", needs=_RELATION),
    _symbol("genuine_one_sided", twins.genuine_one_sided, 4.0, _ANY, "quotes"),
    _symbol("genuine_average_price", twins.genuine_average_price, 5.0, _ANY, "trades", needs=_TRADES),
    _symbol("genuine_late_print", twins.genuine_late_print, 5.0, (0.005, 0.05), _FRACTION, needs=_TRADES),
    _symbol("genuine_block_trade", twins.genuine_block_trade, 5.0, (50.0, 200.0), "factor on the size",
            needs=(*_TRADES, *_SIZES)),
    _symbol("genuine_fills", twins.genuine_fills, 5.0, (1.0, 8.0), "trades more", needs=_TRADES),
    _symbol("genuine_correction", twins.genuine_correction, 5.0, _ANY, "kind of the message", needs=_TRADES),
    _symbol("genuine_cancel", twins.genuine_cancel, 5.0, _ANY, "kind of the message", needs=_TRADES),
    _symbol("genuine_listing", _B.genuine_listing, 10.0, _ANY, "distance of the price", reach="all", lasts_s=(10.0, np.inf)),
    _symbol("genuine_rename", renaming.genuine_rename, 10.0, _ANY, "names", reach="all", lasts_s=(10.0, np.inf)),
    _channel("genuine_conflation", channel_faults.genuine_conflation, 6.0, (0.01, 0.05), "seconds between two sendings"),
    _channel("genuine_lull", channel_faults.rate_shift, 45.0, (0.5, 0.8), "share of messages lost", reach="all",
             lasts_s=(8.0, 45.0)),
    _channel("genuine_quiet_tape", channel_faults.mix_shift, 45.0, (0.5, 0.9), "share of trades lost", reach="all",
             lasts_s=(8.0, 45.0), needs=_TRADES),
    _channel("genuine_sequence_reset", sequence_faults.genuine_sequence_reset, 0.3, _ANY, "numbers that the counter went back",
             stage="sequence", needs=_NUMBERS),
    _channel("genuine_reorder", sequence_faults.genuine_reorder, 0.5, (1.0, 4.0), "messages in between", stage="sequence",
             needs=_NUMBERS),
)  # fmt: skip
FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*_PRICES, *_FIELDS, *_LEVELS, *_CHANNELS, *_SEQUENCES, *_TWINS)}
"""Name -> fault, or genuine twin."""
ELSEWHERE: dict[str, str] = {
    "payload_unreadable": "producers.publish.transport_faults, when a stream is published",
    "schema_changed": "producers.publish.transport_faults, when a stream is published",
    "locked": "the market: information, and no fault",
    "explained_print": "the market and genuine_late_print: information, and no fault",
    "cancelled": "genuine_cancel: information, and no fault",
    "corrected": "genuine_correction: information, and no fault",
    "late_tick": "information, and no fault: a capture that goes back in time is no stream in capture order",
    "genuine_move": "the market, genuine_excursion, genuine_jump and genuine_trend",
}
"""Codes of the taxonomy that no entry injects, and why."""
OF_MARKET = frozenset(
    {
        "genuine_news",
        "genuine_market_news",
        "genuine_halt",
        "genuine_latency_burst",
        "genuine_flash_crash",
        "genuine_split",
        "genuine_crossed",
    }
)
"""Genuine events that are the market's own, and twins of faults."""
FORMAT_KINDS = frozenset(fault.kind for fault in FAULTS.values() if fault.is_format)
"""Kinds that are about format by their nature."""

STRENGTHS: dict[Family, tuple[float, float]] = {"train": (0.6, 1.4), "evaluate": (0.5, 1.2)}
"""Range of `Faults.strength` in training and in evaluation; drawn log-uniformly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Which faults are wanted in a stream.

    Parameters
    ----------
    seed : int
        Of where and what; the market does not depend on it.
    per_kind : int
        Episodes of each entry, spread over the stream.
    per_million : float
        Episodes of each entry per million ticks, on top.
    prevalence : float
        Share of the stream's ticks that faults change, take away or add, on top: 0, or 1e-6 to 1e-2. Entries have equally many
        episodes as far as they find a place; twins are not counted, and there are as many of them.
    names : tuple of str
        Entries of FAULTS; empty means all.
    strength : float
        Factor on the sizes that are fractions of the price.
    composed : bool
        Whether episodes may overlap in time on one symbol or channel; no tick is changed by two of them even so, apart from its
        stamps.
    inside_genuine : bool
        Whether episodes may lie within genuine events.
    marked : bool
        Write the number of the episode that changed a tick into its `row`, from 1 on in the order of placement.
    warm_up_s : float
        Seconds without faults at the beginning, at most a sixth of the stream.
    """

    seed: int = 0
    per_kind: int = 5
    per_million: float = 0.0
    prevalence: float = 0.0
    names: tuple[str, ...] = ()
    strength: float = 1.0
    composed: bool = False
    inside_genuine: bool = False
    marked: bool = False
    warm_up_s: float = 10.0

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in FAULTS]
        if unknown:
            raise SettingsError(f"faults: {', '.join(unknown)} is unknown, expected some of {', '.join(FAULTS)}")
        for name, low, high in (("seed", 0, 2**62), ("per_kind", 0, 10_000), ("per_million", 0, 10_000), ("strength", 0.05, 20)):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(f"faults: {name} is {getattr(self, name)}, expected {low:g} to {high:g}")
        if self.prevalence and not 1e-6 <= self.prevalence <= 1e-2:
            raise SettingsError(f"faults: prevalence is {self.prevalence:g}, expected 0, or 1e-06 to 0.01")
        if not 0 <= self.warm_up_s <= 3600:
            raise SettingsError(f"faults: warm_up_s is {self.warm_up_s}, expected 0 to 3600")

    @property
    def entries(self) -> tuple[Fault, ...]:
        """The wanted entries, in the order of the table."""
        return tuple(fault for fault in FAULTS.values() if not self.names or fault.name in self.names)

    def size(self, fault: Fault, rng: np.random.Generator) -> float:
        """A size for an episode."""
        low, high = fault.sizes
        drawn = float(low * (high / low) ** rng.random())
        return drawn * self.strength if fault.magnitude == _FRACTION else drawn

    @classmethod
    def varied(cls, seed: int, family: Family, *, per_kind: int = 5, names: tuple[str, ...] = ()) -> Faults:
        """Faults whose strength is drawn from STRENGTHS by the seed, for a market of `Market.varied` of any profile."""
        low, high = STRENGTHS[family]
        rng = np.random.default_rng([seed, 7003 + (family == "evaluate")])
        return cls(seed=seed, per_kind=per_kind, names=names, strength=float(low * (high / low) ** rng.random()))
