"""One entry of the table of faults: what it does, where, for how long and how strongly, and which genuine event looks like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from producers.faults.editing.block import Block, Span, Target
from tickproof.findings.label import GENUINE_PREFIX

Inject = Callable[[Block, Target, float, np.random.Generator], Span | None]
"""(block, target, size, random) -> what was done, or None and an unchanged block."""
Reach = Literal["one", "venue", "all"]
Need = Literal["sequence", "sizes", "trades", "relation", "venue_time"]
"""What a feed must have for some faults."""
Aspect = Literal["presence", "price", "spread", "size", "time", "sequence", "latency"]
"""Groups of features of a tick's format, as the audit knows them (`models.training.format_features`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to corrupt a stream, or a genuine twin of one.

    Parameters
    ----------
    name : str
        Name of the entry; several entries may share a kind.
    kind : str
        The taxonomy's code, which its labels carry; a twin's begins with `genuine_`.
    scope : {"symbol", "channel"}
    inject : Inject
        The edit.
    window_s : float
        Length of the window of an episode; for lasting ones, the longest.
    sizes : (float, float)
        The size is drawn from it, evenly in logarithm; (1, 1) where the edit draws its own.
    magnitude : str
        What the label's magnitude means.
    stage : {"content", "sequence"}
        Before or after messages are numbered.
    reach : {"one", "venue", "all"}
        One channel, or one symbol on one venue; all channels of a venue; all channels, or one symbol on all its venues.
    lasts_s : (float, float) or None
        Range of the length of a lasting episode, over several blocks; None: within one block.
    effect_s : float
        How long statistics may be upset after the end.
    about : tuple of Aspect
        Groups of format features that the fault changes by its nature; the audit leaves them out.
    is_format : bool
        Whether it is about format as such (grid, unit, shift, swap, flip, sentinel): no audit.
    twin : str
        The genuine event that looks like it and must not be called corrupt: an entry of FAULTS, a genuine event of the market,
        or, in words, what only reference data or a recording can show. Empty where the taxonomy names none.
    ticks : float
        About how many ticks it changes.
    when_shut : bool
        Whether it occurs while the market is closed, and so only in markets that close.
    needs : tuple of Need
        What a feed must have for it; entries of the sequence stage need sequence numbers.
    """

    name: str
    kind: str
    scope: Literal["symbol", "channel"]
    inject: Inject
    window_s: float
    sizes: tuple[float, float]
    magnitude: str
    stage: Literal["content", "sequence"] = "content"
    reach: Reach = "one"
    lasts_s: tuple[float, float] | None = None
    effect_s: float = 3.0
    about: tuple[Aspect, ...] = ()
    is_format: bool = False
    twin: str = ""
    ticks: float = 1.0
    when_shut: bool = False
    needs: tuple[Need, ...] = ()

    @property
    def is_genuine(self) -> bool:
        """Return whether the entry is a genuine twin and not a fault."""
        return self.kind.startswith(GENUINE_PREFIX)

    @property
    def is_open_ended(self) -> bool:
        """Return whether the episode lasts to the end of the stream."""
        return self.lasts_s is not None and self.lasts_s[1] == np.inf
