"""The table of faults that a simulated stream can be given and of their genuine twins, and how many of them are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from producers.faults import genuine_twins, renaming
from producers.faults.editing.fault import Fault, Inject, Need
from producers.faults.kinds import burst, channel, field, level, relation, sequence, slow, symbol
from producers.market.parameters import Family
from tickproof.errors import SettingsError

_ANY = (1.0, 1.0)
SECONDS = (30.0, 95.0)
"""How long slow faults of a symbol last."""
_FRACTION = "fraction of the price"
_NUMBERS: tuple[Need, ...] = ("sequence",)
_TRADES: tuple[Need, ...] = ("trades",)
_SIZES: tuple[Need, ...] = ("sizes",)
_RELATION: tuple[Need, ...] = ("relation",)
_VENUE_TIME: tuple[Need, ...] = ("venue_time",)
_LEGS = "spreads of the legs together"


def _symbol(name: str, inject: Inject, window_s: float, sizes: tuple[float, float], magnitude: str, **more: Any) -> Fault:
    """Return an entry for a symbol's fault; its kind is its name unless given."""
    given: dict[str, Any] = {"kind": name, "scope": "symbol"} | more
    return Fault(name=name, inject=inject, window_s=window_s, sizes=sizes, magnitude=magnitude, **given)


def _channel(name: str, inject: Inject, window_s: float, sizes: tuple[float, float], magnitude: str, **more: Any) -> Fault:
    """Return an entry for a channel's fault; its kind is its name unless given."""
    given: dict[str, Any] = {"kind": name, "scope": "channel", "effect_s": 2.0} | more
    return Fault(name=name, inject=inject, window_s=window_s, sizes=sizes, magnitude=magnitude, **given)


_LIST = "reference data: instruments may be negative"
_PRICES = (
    _symbol("spike", symbol.spike, 3.0, (0.01, 0.20), _FRACTION, twin="genuine_excursion"),
    _symbol("small_spike", symbol.spike, 3.0, (0.001, 0.006), _FRACTION, kind="spike", twin="genuine_excursion"),
    _symbol("bad_run", symbol.bad_run, 6.0, (0.003, 0.03), _FRACTION, twin="genuine_jump", ticks=16),
    _symbol("decimal_shift", symbol.decimal_shift, 3.0, _ANY, "factor on the price", is_format=True, twin="genuine_split",
            ticks=2),
    _symbol(
        "price_not_positive", symbol.price_not_positive, 3.0, _ANY, "factor on the price", about=("presence", "spread"),
        twin=_LIST
    ),
    _symbol("sentinel_value", symbol.sentinel_value, 3.0, _ANY, "the value", is_format=True, ticks=2),
    _symbol("off_tick_grid", symbol.off_tick_grid, 3.0, _ANY, "ticks", is_format=True, twin="genuine_average_price", ticks=2),
    _symbol(
        "precision_change", symbol.precision_change, 4.0, _ANY, "ticks", kind="off_tick_grid", is_format=True,
        twin="genuine_average_price", ticks=30,
    ),
    _symbol(
        "crossed", symbol.crossed, 3.0, (1.0, 8.0), "price steps", about=("spread",), twin="genuine_crossed",
        ticks=2,
    ),
    _symbol(
        "wide_spread", symbol.wide_spread, 3.0, (20.0, 100.0), "times the usual spread", about=("spread",),
        twin="genuine_market_news", ticks=4,
    ),
    _symbol("outside_quotes", symbol.outside_quotes, 5.0, (0.005, 0.05), _FRACTION, twin="genuine_late_print", needs=_TRADES),
    _symbol("digit_error", symbol.digit_error, 3.0, _ANY, _FRACTION, twin="genuine_jump"),
    _symbol("bit_flip", symbol.bit_flip, 3.0, _ANY, _FRACTION, is_format=True, twin="genuine_news"),
)  # fmt: skip
_FIELDS = (
    _symbol(
        "field_missing",
        field.field_missing,
        5.0,
        _ANY,
        "values lost",
        about=("presence",),
        twin="genuine_one_sided",
        needs=_TRADES,
    ),
    _symbol("field_swap", field.field_swap, 3.0, _ANY, "size over price", is_format=True, needs=_SIZES),
    _symbol("side_swap", field.side_swap, 3.0, _ANY, "price steps", kind="field_swap", is_format=True, ticks=2),
    _symbol("symbol_swap", field.symbol_swap, 3.0, _ANY, "foreign price over own", is_format=True, twin="genuine_rename"),
    _symbol(
        "size_outlier",
        field.size_outlier,
        3.0,
        (200.0, 20_000.0),
        "factor on the usual size",
        twin="genuine_block_trade",
        needs=_SIZES,
    ),
    _symbol(
        "size_zero", field.size_zero, 5.0, _ANY, "0: no size", kind="size_outlier", about=("presence",), needs=(*_TRADES, *_SIZES)
    ),
    _symbol(
        "time_implausible",
        field.time_implausible,
        3.0,
        (1.0, 12.0),
        "seconds that ts_event moved",
        about=("latency",),
        ticks=3,
        needs=_VENUE_TIME,
    ),
)
_LEVELS = (
    _symbol("frozen", level.frozen, 8.0, _ANY, "fraction of the price missed at most", twin="genuine_pinned", ticks=80),
    _symbol(
        "frozen_price", level.frozen_price, 9.0, _ANY, "fraction of the price missed at most", kind="frozen",
        twin="genuine_pinned",
        ticks=120,
    ),
    _symbol("stale_book", level.stale_book, 8.0, _ANY, "fraction of the price missed at most", ticks=80, needs=_TRADES),
    _symbol(
        "stale_book_mute", level.stale_book_mute, 8.0, _ANY, "fraction of the price missed at most", kind="stale_book", ticks=80,
        needs=_TRADES,
    ),
    _symbol("silent", level.silent, 6.5, (4.0, 6.5), "seconds", twin="genuine_halt", ticks=150),
    _symbol(
        "drift", level.drift, 60.0, (0.003, 0.03), _FRACTION, lasts_s=(6.0, 60.0), twin="genuine_trend", ticks=200
    ),
    _symbol(
        "unit_change", level.unit_change, 45.0, _ANY, "factor on the price", lasts_s=(4.0, 45.0), is_format=True,
        twin="genuine_split", ticks=150,
    ),
    _symbol(
        "lots_change", level.lots_change, 45.0, _ANY, "factor on the size", kind="unit_change", lasts_s=(4.0, 45.0),
        is_format=True,
        twin="genuine_split", ticks=150, needs=_SIZES,
    ),
    _symbol("cross_break", relation.cross_break, 9.0, (2.5, 12.0), _LEGS, ticks=60, needs=_RELATION,
            twin="genuine_dislocation"),
    _symbol("cross_break_shared", relation.cross_break, 9.0, (2.5, 12.0), _LEGS, kind="cross_break", reach="all",
            ticks=150, needs=_RELATION, twin="genuine_dislocation"),
    _symbol("out_of_session", burst.out_of_session, 20.0, _ANY, "seconds since the close", ticks=20, when_shut=True,
            twin="recordings: extended hours"),
    _symbol("burst", burst.burst, 3.0, (300.0, 3000.0), "messages", effect_s=5.0, twin="genuine_news", ticks=1170),
    _symbol("unknown_symbol", burst.unknown_symbol, 8.0, _ANY, "distance in price", effect_s=60.0, twin="genuine_listing",
            ticks=80),
)  # fmt: skip
_CHANNELS = (
    _channel("channel_silent", channel.channel_silent, 7.0, (4.5, 7.0), "seconds", kind="silent", effect_s=3.0,
             twin="genuine_halt", ticks=3000),
    _channel("feed_silent", channel.channel_silent, 7.0, (4.5, 7.0), "seconds", kind="silent", reach="venue", effect_s=3.0,
             twin="genuine_halt", ticks=6000),
    _channel("latency_spike", channel.latency_spike, 4.5, (0.3, 1.2), "seconds", about=("latency",),
             twin="genuine_conflation", ticks=1500, needs=_VENUE_TIME),
    _channel("clock_zone", channel.clock_zone, 45.0, _ANY, "seconds ahead", kind="clock_offset", lasts_s=(4.0, 45.0),
             about=("latency",), twin="genuine_latency_burst", ticks=8000, needs=_VENUE_TIME),
    _channel("clock_offset", channel.clock_offset, 45.0, (0.02, 2.0), "seconds ahead", lasts_s=(4.0, 45.0),
             about=("latency",), twin="genuine_latency_burst", ticks=8000, needs=_VENUE_TIME),
    _channel("clock_drift", channel.clock_drift, 60.0, (0.001, 0.02), "seconds gained a second", lasts_s=(8.0, 60.0),
             about=("latency",), twin="genuine_latency_burst", ticks=10_000, needs=_VENUE_TIME),
    _channel("rate_shift", channel.rate_shift, 90.0, (0.5, 0.9), "share of messages lost", lasts_s=(10.0, 90.0),
             effect_s=10.0, twin="genuine_lull", ticks=8000),
    _channel("mix_shift", channel.mix_shift, 90.0, (0.6, 0.95), "share of trades lost", lasts_s=(10.0, 90.0),
             effect_s=10.0, twin="genuine_quiet_tape", ticks=1000, needs=_TRADES),
    _channel("channel_burst", burst.channel_burst, 3.0, (2000.0, 8000.0), "messages", kind="burst", effect_s=5.0,
             twin="genuine_market_news", ticks=4330),
)  # fmt: skip
_SEQUENCES = tuple(
    _channel(name, inject, window_s, sizes, magnitude, stage="sequence", about=("sequence", "latency"), twin=twin, ticks=ticks,
             needs=_NUMBERS)
    for name, inject, window_s, sizes, magnitude, twin, ticks in (
        ("sequence_gap", sequence.sequence_gap, 0.6, (1.0, 100.0), "messages lost", "recordings: one instrument", 20),
        ("sequence_reset", sequence.sequence_reset, 0.3, _ANY, "numbers that the counter went back",
         "genuine_sequence_reset", 1),
        ("duplicate", sequence.duplicate, 0.4, (1.0, 20.0), "messages repeated", "genuine_fills", 5),
        ("duplicate_changed", sequence.duplicate_changed, 0.4, (1.0, 5.0), "messages repeated", "genuine_correction", 2),
        ("replayed_block", sequence.replayed_block, 4.0, (100.0, 1500.0), "messages repeated", "", 400),
        ("out_of_order", sequence.out_of_order, 0.8, (40.0, 200.0), "messages in between", "genuine_reorder", 3),
    )
)  # fmt: skip
_TWINS = (
    _symbol("genuine_excursion", genuine_twins.genuine_excursion, 12.0, (0.005, 0.05), _FRACTION, reach="all",
            lasts_s=(3.0, 12.0)),
    _symbol("genuine_jump", genuine_twins.genuine_jump, 25.0, (0.003, 0.03), _FRACTION, reach="all", lasts_s=(8.0, 25.0)),
    _symbol("genuine_trend", genuine_twins.genuine_trend, 60.0, (0.003, 0.03), _FRACTION, reach="all", lasts_s=(8.0, 60.0)),
    _symbol("genuine_pinned", genuine_twins.genuine_pinned, 5.0, _ANY, "seconds", reach="all"),
    _symbol("genuine_dislocation", relation.genuine_dislocation, 9.0, (2.5, 12.0), _LEGS, reach="all", needs=_RELATION),
    _symbol("genuine_one_sided", genuine_twins.genuine_one_sided, 4.0, _ANY, "quotes"),
    _symbol("genuine_average_price", genuine_twins.genuine_average_price, 5.0, _ANY, "trades", needs=_TRADES),
    _symbol("genuine_late_print", genuine_twins.genuine_late_print, 5.0, (0.005, 0.05), _FRACTION, needs=_TRADES),
    _symbol("genuine_block_trade", genuine_twins.genuine_block_trade, 5.0, (50.0, 200.0), "factor on the size",
            needs=(*_TRADES, *_SIZES)),
    _symbol("genuine_fills", genuine_twins.genuine_fills, 5.0, (1.0, 8.0), "trades more", needs=_TRADES),
    _symbol("genuine_correction", genuine_twins.genuine_correction, 5.0, _ANY, "kind of the message", needs=_TRADES),
    _symbol("genuine_cancel", genuine_twins.genuine_cancel, 5.0, _ANY, "kind of the message", needs=_TRADES),
    _symbol("genuine_listing", burst.genuine_listing, 10.0, _ANY, "distance of the price", reach="all", lasts_s=(10.0, np.inf)),
    _symbol("genuine_rename", renaming.genuine_rename, 10.0, _ANY, "names", reach="all", lasts_s=(10.0, np.inf)),
    _channel("genuine_conflation", channel.genuine_conflation, 6.0, (0.01, 0.05), "seconds between two sendings",
             needs=_VENUE_TIME),
    _channel("genuine_lull", channel.rate_shift, 45.0, (0.5, 0.8), "share of messages lost", reach="all",
             lasts_s=(8.0, 45.0)),
    _channel("genuine_quiet_tape", channel.mix_shift, 45.0, (0.5, 0.9), "share of trades lost", reach="all",
             lasts_s=(8.0, 45.0), needs=_TRADES),
    _channel("genuine_sequence_reset", sequence.genuine_sequence_reset, 0.3, _ANY, "numbers that the counter went back",
             stage="sequence", needs=_NUMBERS),
    _channel("genuine_reorder", sequence.genuine_reorder, 0.5, (1.0, 4.0), "messages in between", stage="sequence",
             needs=_NUMBERS),
)  # fmt: skip
_SLOW = (
    _symbol("slow_frozen", slow.frozen, 100.0, SECONDS, "seconds", kind="frozen", twin="genuine_pinned", ticks=60),
    _symbol("slow_stale_book", slow.stale_book, 100.0, SECONDS, "seconds", kind="stale_book", ticks=60, needs=_TRADES),
    _symbol("slow_silent", slow.silent, 100.0, SECONDS, "seconds", kind="silent", twin="genuine_halt", ticks=60),
    _channel("slow_channel_silent", slow.channel_silent, 100.0, SECONDS, "seconds", kind="silent", effect_s=3.0,
             twin="genuine_halt", ticks=300),
    _channel("small_clock_offset", slow.clock_offset, 170.0, (0.001, 0.0015), "seconds ahead", kind="clock_offset",
             about=("latency",), twin="genuine_latency_burst", ticks=300, needs=_VENUE_TIME),
    _channel("slow_clock_drift", slow.clock_drift, 300.0, (20e-6, 40e-6), "seconds gained a second", kind="clock_drift",
             about=("latency",), twin="genuine_latency_burst", ticks=600, needs=_VENUE_TIME),
    _symbol("slow_burst", burst.burst, 3.0, (500.0, 2000.0), "messages", kind="burst", effect_s=5.0, twin="genuine_news",
            ticks=1000),
    _symbol("slow_pinned", slow.pinned, 100.0, SECONDS, "seconds", kind="genuine_pinned", reach="all"),
    _symbol("slow_lull", slow.lull, 100.0, SECONDS, "seconds", kind="genuine_lull", reach="all"),
)  # fmt: skip
SLOW: dict[str, Fault] = {fault.name: fault for fault in _SLOW}
"""Faults that take their time on sparse feeds, and their twins, by name; only where they are named, and with blocks of minutes
(`Market.block_s`)."""
FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*_PRICES, *_FIELDS, *_LEVELS, *_CHANNELS, *_SEQUENCES, *_TWINS)}
"""Name -> fault, or genuine twin."""
FORMAT_KINDS = frozenset(fault.kind for fault in FAULTS.values() if fault.is_format)
"""Kinds that are about a tick's format by nature."""

STRENGTHS: dict[Family, tuple[float, float]] = {"train": (0.6, 1.4), "evaluate": (0.5, 1.2)}
"""Range of `Faults.strength` in training and in evaluation; drawn log-uniformly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults wanted in a stream.

    Parameters
    ----------
    seed : int
        Seed of places, times and edits; the market does not depend on it.
    per_kind : int
        Episodes of each entry, spread over the stream.
    per_million : float
        Additional episodes of each entry per million ticks.
    prevalence : float
        Share of ticks that further episodes change, remove or add: 0, or 1e-6 to 1e-2. Entries have equally many
        episodes as far as there is room; twins are not counted, and have as many.
    names : tuple of str
        Entries of FAULTS or SLOW; empty means all of FAULTS.
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
    least_rate : float
        Faults of symbols affect only those with so many ticks a second on the venue.
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
    least_rate: float = 1.0

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in FAULTS and name not in SLOW]
        if unknown:
            known = ", ".join((*FAULTS, *SLOW))
            raise SettingsError(f"faults: {', '.join(unknown)} is unknown, expected some of {known}")
        for name, low, high in (("seed", 0, 2**62), ("per_kind", 0, 10_000), ("per_million", 0, 10_000), ("strength", 0.05, 20)):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(f"faults: {name} is {getattr(self, name)}, expected {low:g} to {high:g}")
        if self.prevalence and not 1e-6 <= self.prevalence <= 1e-2:
            raise SettingsError(f"faults: prevalence is {self.prevalence:g}, expected 0, or 1e-06 to 0.01")
        if not 0 <= self.warm_up_s <= 3600:
            raise SettingsError(f"faults: warm_up_s is {self.warm_up_s}, expected 0 to 3600")

    @property
    def entries(self) -> tuple[Fault, ...]:
        """Return the wanted entries, in the order of the table."""
        known = (FAULTS | SLOW).values() if self.names else FAULTS.values()
        return tuple(fault for fault in known if not self.names or fault.name in self.names)

    def size(self, fault: Fault, rng: np.random.Generator) -> float:
        """Draw a size for an episode."""
        low, high = fault.sizes
        drawn = float(low * (high / low) ** rng.random())
        return drawn * self.strength if fault.magnitude == _FRACTION else drawn

    @classmethod
    def varied(cls, seed: int, family: Family, *, per_kind: int = 5, names: tuple[str, ...] = ()) -> Faults:
        """Return faults whose strength is drawn from STRENGTHS by the seed, for a market of `Market.varied` of any profile."""
        low, high = STRENGTHS[family]
        rng = np.random.default_rng([seed, 7003 + (family == "evaluate")])
        return cls(seed=seed, per_kind=per_kind, names=names, strength=float(low * (high / low) ** rng.random()))
