"""Reference data: what a person knows of channels and instruments, and tickproof then need not learn. Optional everywhere.

A file is JSON or TOML with any of these tables:

- `channels`: name -> `sequence`, `sides`, `feed`, `sentinels` (see `Channel`);
- `instruments`: a list of `symbol`, `venue`, `channel`, `tick`, `lot`, `may_cross`, `may_be_negative`, `peers`
  (see `Instrument`);
- `sessions`: venue -> a calendar's code, or pairs (open, close) in ns;
- `actions`: a list of `symbol`, `ts`, `kind`, `ratio` (see `Action`);
- `relations`: a list of `name`, `legs`, `constant`, `tolerance_bp` (see `Relation`): prices that are tied to each other. In TOML:

      [[relations]]
      name = "EURJPY"                      # EURUSD x USDJPY / EURJPY = 1
      constant = 1.0
      legs = [{symbol = "EURUSD"}, {symbol = "USDJPY"}, {symbol = "EURJPY", power = -1}]

      [[relations]]
      name = "SPY over ES"                 # a ratio that is learnt
      legs = [{symbol = "SPY", venue = "ARCX"}, {symbol = "ESZ4", power = -1}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tickproof.errors import SettingsError
from tickproof.findings.finding import feed_of
from tickproof.reference.sessions import unknown_codes


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_Positive = Annotated[int, Field(gt=0, lt=2**63)]
_Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Power = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


class Channel(_Strict):
    """One channel: what its `sequence` is, whether a message's sides are judged merged with the last ones, and its feed.

    `sentinels` are its placeholders, prices and sizes in units of 1e-9; None: the usual ones. `line`, the name that a feed's
    redundant A and B lines share, is accepted and ignored: lines are not arbitrated yet, and files that name it stay usable.
    """

    sequence: Literal["contiguous", "increasing", "shared", "none"] = "contiguous"
    sides: Literal["message", "merge"] = "message"
    feed: str | None = None
    sentinels: tuple[_Int64, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_line(cls, data: Any) -> Any:
        """Return the entries of a channel without `line`."""
        return {name: value for name, value in data.items() if name != "line"} if isinstance(data, Mapping) else data


class Instrument(_Strict):
    """One symbol, on one venue or (without `venue`) on all. `tick` and `lot` in units of 1e-9. None: learnt.

    `tick` may be a table: pairs (from this price on, tick), the first from 0.
    """

    symbol: str
    venue: str | None = None
    channel: str | None = None
    tick: _Positive | tuple[tuple[Annotated[int, Field(ge=0, lt=2**63)], _Positive], ...] | None = None
    lot: _Positive | None = None
    may_cross: bool | None = None
    may_be_negative: bool = False
    peers: tuple[str, ...] = ()


class Action(_Strict):
    """A corporate action at event time `ts`, in ns."""

    symbol: str
    ts: int
    kind: Literal["split"]
    ratio: float = Field(gt=0)


class Leg(_Strict):
    """One side of a relation: a symbol on one venue, or (without `venue`) on each, held against what its venues agree on."""

    symbol: str
    venue: str | None = None
    power: _Power = 1.0


class Relation(_Strict):
    """Prices that are tied to each other: the product of price^power over the legs is `constant`; None: it is learnt.

    A triangle of currencies (EURUSD^1 USDJPY^1 EURJPY^-1 = 1), a pair and its inverse (both powers 1), a fund against its basket
    or a future (1 and -1, learnt), a cross-listed share against its home price and the currency. Prices are those before any of
    the `actions`. Off by `tolerance_bp` basis points is no break, whatever the spreads are.
    """

    name: Annotated[str, Field(min_length=1)]
    legs: Annotated[tuple[Leg, ...], Field(min_length=2)]
    constant: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    tolerance_bp: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


LISTED_FROM = 10
"""Symbols that name no channel and are a listing all the same; fewer are instruments about which there is something to say."""


class Reference(_Strict):
    """All reference data of a run. Sessions are a calendar's code or pairs (open, close) in ns."""

    channels: dict[str, Channel] = Field(default_factory=dict)
    instruments: tuple[Instrument, ...] = ()
    sessions: dict[str, str | tuple[tuple[int, int], ...]] = Field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    relations: tuple[Relation, ...] = ()

    def feeds(self) -> dict[str, str]:
        """Feed by channel, of the channels that name one."""
        return {name: channel.feed for name, channel in self.channels.items() if channel.feed}

    def feed_of(self, channel: str) -> str:
        """The feed of a channel: as named here, else the channel up to its last dot."""
        known = self.channels.get(channel)
        return known.feed if known and known.feed else feed_of(channel)

    @cached_property
    def listings(self) -> dict[str, frozenset[str]]:
        """Channel -> the symbols whose entries name it, and those of entries that name no channel."""
        found: dict[str, set[str]] = {}
        for one in self.instruments:
            if one.channel is not None:
                found.setdefault(one.channel, set()).add(one.symbol)
        return {channel: self.anywhere | symbols for channel, symbols in found.items()}

    @cached_property
    def anywhere(self) -> frozenset[str]:
        """Symbols that may be on any channel: entries that name none, if they are enough to be a list and no mere exceptions."""
        symbols = frozenset(one.symbol for one in self.instruments if one.channel is None)
        return symbols if len(symbols) >= LISTED_FROM else frozenset()

    def instrument(self, venue: str, symbol: str) -> Instrument | None:
        """What is said of a symbol on a venue; the entry that names the venue wins."""
        entries = [one for one in self._by_symbol.get(symbol, ()) if one.venue in (venue, None)]
        return max(entries, key=lambda one: one.venue is not None, default=None)

    @cached_property
    def _by_symbol(self) -> dict[str, list[Instrument]]:
        """Entries of each symbol: looking through all of them for each new instrument would take hours with 1e5 of both."""
        found: dict[str, list[Instrument]] = {}
        for one in self.instruments:
            found.setdefault(one.symbol, []).append(one)
        return found

    @cached_property
    def peer_groups(self) -> dict[str, str]:
        """Symbol -> the first of the names of its peers, direct or not: they move alike."""
        return _joined((one.symbol, *one.peers) for one in self.instruments if one.peers)

    @cached_property
    def shard_groups(self) -> dict[str, str]:
        """What `groups` gives, computed once."""
        return self.groups()

    def groups(self) -> dict[str, str]:
        """Symbol -> the name that its shard goes by: peers and legs of one relation, directly or not, share the first name."""
        peers = ((one.symbol, *one.peers) for one in self.instruments if one.peers)
        return _joined((*peers, *(tuple(leg.symbol for leg in one.legs) for one in self.relations)))


def _joined(together: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Name -> the first, by the alphabet, of all names that are directly or indirectly together with it."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for first, *others in together:
        for other in others:
            low, high = sorted((root(first), root(other)))
            parent[high] = low
    return {name: root(name) for name in sorted(parent)}


def parse(data: Mapping[str, Any], source: str) -> Reference:
    """Reference data of what a JSON or TOML file holds.

    Raises
    ------
    SettingsError
        One line that lists everything that is wrong, and where.
    """
    try:
        reference = Reference.model_validate(data)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc'])) or 'top level'}: {one['msg']}" for one in error.errors()]
        raise SettingsError(f"{source}: {'; '.join(wrong)}") from error
    unknown = unknown_codes(reference.sessions)
    problems = _of_relations(reference)
    if unknown:
        found = ", ".join(unknown)
        problems.insert(0, f"sessions: found calendar {found}, expected a code such as XNYS, or [[open, close], …] in ns")
    if problems:
        raise SettingsError(f"{source}: {'; '.join(problems)}")
    return reference


def _of_relations(reference: Reference) -> list[str]:
    """What is wrong with relations that are well formed, each by itself."""
    problems = []
    named = Counter(one.name for one in reference.relations)
    problems += [f"relations: {count} are named {name}, give each its own name" for name, count in named.items() if count > 1]
    is_listing = bool(reference.listings or reference.anywhere)
    listed = {one.symbol for one in reference.instruments}
    for place, relation in enumerate(reference.relations):
        where = f"relations.{place} ({relation.name})"
        venues: dict[str, list[str | None]] = {}
        for leg in relation.legs:
            venues.setdefault(leg.symbol, []).append(leg.venue)
        for symbol, names in venues.items():
            if len(names) > 1 and (None in names or len(set(names)) < len(names)):
                problems.append(f"{where}: found {symbol} in {len(names)} legs, expected one, or legs of different venues")
            if is_listing and symbol not in listed:
                problems.append(f"{where}: found symbol {symbol}, expected one of instruments; list it there or take the leg out")
        if any(leg.power == 0 for leg in relation.legs):
            problems.append(f"{where}: found power 0, expected another; take the leg out")
    return problems


NOTHING = Reference()
"""Without reference data."""
