"""The faults that can be put into a simulated stream: one table, one entry each, and how many of them are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from producers import channel_faults, symbol_faults
from producers.block import Block, Span, Target
from producers.market import Family
from tickproof.errors import SettingsError

Inject = Callable[[Block, Target, float, np.random.Generator], Span | None]
"""(block, target, size, random) -> what was done, or None and an unchanged block."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to corrupt a stream.

    Parameters
    ----------
    name : str
        Its own name; two entries may share a kind.
    kind : str
        The taxonomy's code, which its labels carry.
    scope : {"symbol", "channel"}
    stage : {"content", "sequence"}
        Before or after messages are numbered.
    inject : Inject
        The edit.
    window_s : float
        The episode lies within a window of this length.
    sizes : (float, float)
        The size is drawn from it, evenly in logarithm; (1, 1) where the edit draws its own.
    magnitude : str
        What the label's magnitude means.
    effect_s : float
        How long statistics may be upset after the end.
    is_format : bool
        Whether it shows in the format alone (grid, lots, time) by its nature.
    """

    name: str
    kind: str
    scope: Literal["symbol", "channel"]
    stage: Literal["content", "sequence"]
    inject: Inject
    window_s: float
    sizes: tuple[float, float]
    magnitude: str
    effect_s: float = 3.0
    is_format: bool = False


def _symbol(
    name: str, inject: Inject, window_s: float, sizes: tuple[float, float], magnitude: str, is_format: bool = False
) -> Fault:
    kind = "spike" if name == "small_spike" else name
    return Fault(name, kind, "symbol", "content", inject, window_s, sizes, magnitude, is_format=is_format)


def _channel(name: str, inject: Inject, window_s: float, sizes: tuple[float, float], magnitude: str) -> Fault:
    return Fault(name, name, "channel", "sequence", inject, window_s, sizes, magnitude, effect_s=2.0)


_ANY = (1.0, 1.0)
_FRACTION = "fraction of the price"
_FAULTS = (
    _symbol("spike", symbol_faults.spike, 3.0, (0.01, 0.20), _FRACTION),
    _symbol("small_spike", symbol_faults.spike, 3.0, (0.001, 0.006), _FRACTION),
    _symbol("bad_run", symbol_faults.bad_run, 6.0, (0.003, 0.03), _FRACTION),
    _symbol("decimal_shift", symbol_faults.decimal_shift, 3.0, _ANY, "factor on the price", True),
    _symbol("price_not_positive", symbol_faults.price_not_positive, 3.0, _ANY, "factor on the price"),
    _symbol("field_missing", symbol_faults.field_missing, 5.0, _ANY, "values lost"),
    _symbol("crossed", symbol_faults.crossed, 3.0, (1.0, 8.0), "price steps"),
    _symbol("wide_spread", symbol_faults.wide_spread, 3.0, (20.0, 100.0), "times the usual spread"),
    _symbol("outside_quotes", symbol_faults.outside_quotes, 5.0, (0.005, 0.05), _FRACTION),
    _symbol("time_implausible", symbol_faults.time_implausible, 3.0, (1.0, 12.0), "seconds that ts_event moved", True),
    _symbol("digit_error", symbol_faults.digit_error, 3.0, _ANY, _FRACTION),
    _symbol("bit_flip", symbol_faults.bit_flip, 3.0, _ANY, _FRACTION, True),
    _symbol("field_swap", symbol_faults.field_swap, 3.0, _ANY, "size over price", True),
    _symbol("symbol_swap", symbol_faults.symbol_swap, 3.0, _ANY, "foreign price over own"),
    _symbol("frozen", symbol_faults.frozen, 8.0, _ANY, "fraction of the price missed at most"),
    _symbol("size_outlier", symbol_faults.size_outlier, 3.0, (200.0, 20_000.0), "factor on the usual size, 0: no size"),
    _symbol("silent", symbol_faults.silent, 6.5, (4.0, 6.5), "seconds"),
    Fault("channel_silent", "silent", "channel", "content", channel_faults.channel_silent, 7.0, (4.5, 7.0), "seconds"),
    Fault("latency_spike", "latency_spike", "channel", "content", channel_faults.latency_spike, 4.5, (0.3, 1.2), "seconds", 2.0),
    _channel("sequence_gap", channel_faults.sequence_gap, 0.6, (1.0, 100.0), "messages lost"),
    _channel("sequence_reset", channel_faults.sequence_reset, 0.3, _ANY, "numbers that the counter went back"),
    _channel("duplicate", channel_faults.duplicate, 0.4, (1.0, 20.0), "messages repeated"),
    _channel("duplicate_changed", channel_faults.duplicate_changed, 0.4, (1.0, 5.0), "messages repeated"),
    _channel("out_of_order", channel_faults.out_of_order, 0.8, (40.0, 200.0), "messages in between"),
)
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _FAULTS}
"""Name -> fault."""

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
    names : tuple of str
        Entries of FAULTS; empty means all.
    strength : float
        Factor on the sizes that are fractions of the price.
    inside_genuine : bool
        Whether episodes may lie within genuine events.
    warm_up_s : float
        Seconds without faults at the beginning, at most a sixth of the stream.
    """

    seed: int = 0
    per_kind: int = 5
    per_million: float = 0.0
    names: tuple[str, ...] = ()
    strength: float = 1.0
    inside_genuine: bool = False
    warm_up_s: float = 10.0

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in FAULTS]
        if unknown:
            raise SettingsError(f"faults: {', '.join(unknown)} is unknown, expected some of {', '.join(FAULTS)}")
        for name, low, high in (("seed", 0, 2**62), ("per_kind", 0, 10_000), ("per_million", 0, 10_000), ("strength", 0.05, 20)):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(f"faults: {name} is {getattr(self, name)}, expected {low:g} to {high:g}")
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
    def varied(cls, seed: int, family: Family, *, per_kind: int = 5) -> Faults:
        """Faults whose strength is drawn from STRENGTHS by the seed, for a market of `Market.varied`."""
        low, high = STRENGTHS[family]
        rng = np.random.default_rng([seed, 7003 + (family == "evaluate")])
        return cls(seed=seed, per_kind=per_kind, strength=float(low * (high / low) ** rng.random()))
