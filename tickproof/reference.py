"""Reference data: what a person knows of channels and instruments, and tickproof then need not learn. Optional everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tickproof.errors import SettingsError
from tickproof.finding import feed_of
from tickproof.sessions import unknown_codes


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_Positive = Annotated[int, Field(gt=0, lt=2**63)]
_Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Channel(_Strict):
    """One channel: what its `sequence` is, whether a message's sides are judged merged with the last ones, its feed and line.

    `sentinels` are its placeholders, prices and sizes in units of 1e-9; None: the usual ones.
    """

    sequence: Literal["contiguous", "increasing", "shared", "none"] = "contiguous"
    sides: Literal["message", "merge"] = "message"
    feed: str | None = None
    line: str | None = None
    sentinels: tuple[_Int64, ...] | None = None


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


LISTED_FROM = 10
"""Symbols that name no channel and are a listing all the same; fewer are instruments about which there is something to say."""


class Reference(_Strict):
    """All reference data of a run. Sessions are a calendar's code or pairs (open, close) in ns."""

    channels: dict[str, Channel] = Field(default_factory=dict)
    instruments: tuple[Instrument, ...] = ()
    sessions: dict[str, str | tuple[tuple[int, int], ...]] = Field(default_factory=dict)
    actions: tuple[Action, ...] = ()

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
        """What `groups` gives, computed once."""
        return self.groups()

    def groups(self) -> dict[str, str]:
        """Symbol -> the name that its shard goes by: symbols that are peers, directly or not, share the first of their names."""
        parent: dict[str, str] = {}

        def root(name: str) -> str:
            while parent.setdefault(name, name) != name:
                name = parent[name]
            return name

        for one in self.instruments:
            for peer in one.peers:
                low, high = sorted((root(one.symbol), root(peer)))
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
    if unknown:
        raise SettingsError(
            f"{source}: sessions: found calendar {', '.join(unknown)}, expected a code such as XNYS, or [[open, close], …] in ns"
        )
    return reference


NOTHING = Reference()
"""Without reference data."""
