"""Which column is which, by names and by values, with a note for everything that is not sure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from producers.recordings.mapping.describing.column_names import NAMES
from producers.recordings.mapping.describing.profile import Profile, is_day, joined_forms, profile_of
from producers.recordings.mapping.describing.sample import Sample
from producers.recordings.mapping.specification import Source
from producers.recordings.mapping.time_forms import ISO
from tickproof.ticks.schema import Kind

_RECEIVED = re.compile(r"recv|receiv|local|captur|arriv|sip|init|ingest")
_HAPPENED = re.compile(r"event|exch|venue|trade|transact|participant|source|match|origin")
_WORDS = {
    "trade": ("trade", "trades", "t", "fill", "match", "aggtrade", "deal"),
    "quote": ("quote", "quotes", "q", "bbo", "ticker", "bookticker", "tob", "nbbo", "l1"),
}
_SIDES = {"buy", "sell", "b", "s", "bid", "ask", "true", "false", "0", "1", "-1", "none", "unknown"}
_PRICES = ("bid_px", "ask_px", "price")
_AMOUNTS = (*_PRICES, "bid_sz", "ask_sz", "size")
_NO_SYMBOLS = {"DAT", "DATA", "TICKS", "TICK", "TRADES", "TRADE", "QUOTES", "QUOTE", "EXPORT"}
_MOST = Decimal(2**63 - 1).scaleb(-9)


@dataclass(slots=True)
class Guess:
    """The columns of ticks, and what a person must check."""

    ticks: dict[str, Source] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    decimal_comma: bool = False
    left_out: list[str] = field(default_factory=list)
    price_unit: str | None = None


def guessed(sample: Sample) -> Guess:
    """Return the most likely mapping of a file's columns; columns of ticks that were not found are not in it."""
    guess = Guess()
    cells = sample.cells
    if sample.delimiter == ";" and any("," in cell for column in cells for cell in column[:20]):
        guess.decimal_comma = True
        cells = [[cell.replace(",", ".") if re.fullmatch(r"-?\d+,\d+", cell) else cell for cell in column] for column in cells]
    stamps = sample.stamps or {}
    profiles = [profile_of(name, column, stamp=name in stamps) for name, column in zip(sample.names, cells, strict=True)]
    where = {profile.name: int(profile.name) if not sample.header else profile.name for profile in profiles}
    found: dict[str, Profile] = {}
    times = _times(profiles, guess, where, stamps)
    rest = [profile for profile in profiles if profile.name not in times]
    if sample.header:
        _by_name(rest, found)
    for price, size in (("price", "size"), ("size", "size")):
        if price in found and not found[price].filled:
            # A column that is always empty tells nothing.
            del found[price]
            found.pop(size, None)
    _by_value(rest, found, by_name=sample.header)
    _kind(found, guess, where)
    for column in _AMOUNTS:
        if column in found:
            guess.ticks[column] = _amount(column, found[column], guess, where)
    for column in ("sequence", "trade_id"):
        if column in found:
            guess.ticks[column] = Source(columns=(where[found[column].name],))
    _names(sample, found, guess, where)
    used = {str(column) for source in guess.ticks.values() for column in source.columns}
    guess.left_out = [name for name in sample.names if name not in used]
    return guess


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _times(profiles: list[Profile], guess: Guess, where: dict[str, str | int], stamps: dict[str, str | None]) -> set[str]:
    """Find the clocks; return the names of columns that are times."""
    clocks: list[tuple[Profile, Source]] = []
    used: set[str] = set()
    for place, profile in enumerate(profiles):
        if profile.name in used:
            continue
        following = profiles[place + 1] if place + 1 < len(profiles) else None
        if is_day(profile) and following is not None and (forms := joined_forms(profile, following)):
            clocks.append((profile, _of_text(profile, forms, (where[profile.name], where[following.name]), guess)))
            used |= {profile.name, following.name}
        elif profile.is_time and not is_day(profile):
            clocks.append((profile, _of_one(profile, guess, where[profile.name], stamps)))
            used.add(profile.name)
    if len(clocks) == 1:
        guess.ticks["ts_recv"] = clocks[0][1]
    elif clocks:
        received, happened = _received_first(clocks[:2] if len(clocks) == 2 else _best_two(clocks), guess)
        guess.ticks |= {"ts_recv": received[1], "ts_event": happened[1]}
    return used


def _of_one(profile: Profile, guess: Guess, where: str | int, stamps: dict[str, str | None]) -> Source:
    if profile.stamp:
        if stamps[profile.name] is None:
            guess.notes.append(f"{profile.name}: times without a zone are taken for UTC; set `zone` if they are not")
        return Source(columns=(where,), form=ISO, zone="UTC")
    if profile.unit is not None:
        return Source(columns=(where,), unit=profile.unit)
    return _of_text(profile, profile.forms, (where,), guess)


def _of_text(profile: Profile, forms: tuple[str, ...], columns: tuple[str | int, ...], guess: Guess) -> Source:
    if len(forms) > 1 and {"MM/DD", "DD/MM"} <= {form[:5] for form in forms}:
        guess.notes.append(f"{profile.name}: month and day cannot be told apart in the first rows; {forms[0]} is taken")
    if not profile.zoned:
        guess.notes.append(f"{profile.name}: times without a zone are taken for UTC; set `zone` if they are not")
    return Source(columns=columns, form=forms[0], zone="UTC")


def _best_two(clocks: list[tuple[Profile, Source]]) -> list[tuple[Profile, Source]]:
    """Return two clocks of many: one by a name of receiving, one by a name of happening, else the first ones."""
    received = [one for one in clocks if _RECEIVED.search(_plain(one[0].name))]
    happened = [one for one in clocks if one not in received and _HAPPENED.search(_plain(one[0].name))]
    return [*received[:1], *happened[:1], *(one for one in clocks if one not in (*received[:1], *happened[:1]))][:2]


def _received_first(clocks: list[tuple[Profile, Source]], guess: Guess) -> list[tuple[Profile, Source]]:
    one, two = clocks
    names = [_plain(clock[0].name) for clock in clocks]
    for word, is_first in ((_RECEIVED, True), (_HAPPENED, False)):
        said = [word.search(name) is not None for name in names]
        if said[0] != said[1]:
            return [one, two] if said[0] == is_first else [two, one]
    later = sum(a < b for a, b in zip(one[0].cells, two[0].cells, strict=True))
    earlier = sum(a > b for a, b in zip(one[0].cells, two[0].cells, strict=True))
    guess.notes.append(f"{one[0].name} and {two[0].name}: the later of the two is taken for the time of capture, ts_recv")
    return [two, one] if later >= earlier else [one, two]


def _by_name(rest: list[Profile], found: dict[str, Profile]) -> None:
    names = {_plain(profile.name.rpartition(".")[2]): profile for profile in reversed(rest)}
    names |= {_plain(profile.name): profile for profile in reversed(rest)}
    for column, wanted in NAMES.items():
        for name in wanted:
            profile = names.get(name)
            if profile is not None and profile not in found.values() and _suits(column, profile):
                found[column] = profile
                break


def _suits(column: str, profile: Profile) -> bool:
    if column in _AMOUNTS:
        return 2 * len(profile.numbers) > len(profile.filled) or not profile.filled
    if column == "sequence":
        return profile.is_whole
    if column == "kind":
        return any(word.lower() in one for word in profile.words for one in _WORDS.values()) or _is_canonical_kind(profile)
    return bool(profile.filled)


def _is_canonical_kind(profile: Profile) -> bool:
    return profile.name == "kind" and {*profile.words} <= {str(int(kind)) for kind in Kind}


def _by_value(rest: list[Profile], found: dict[str, Profile], *, by_name: bool) -> None:
    """Find by their values the columns that names do not show."""
    free = [profile for profile in rest if profile not in found.values()]
    if not any(column in found for column in ("bid_px", "ask_px", "price")):
        numeric = [one for one in free if one.is_number and not one.grows and len(set(one.numbers)) > 1]
        numeric = [one for one in numeric if not _is_product(one, numeric)]
        pair = _pair(numeric)
        if pair is not None:
            found["bid_px"], found["ask_px"] = pair
            _sizes(rest, pair, found)
        elif numeric:
            ranked = sorted(numeric, key=lambda one: one.variation)
            found["price"] = ranked[0]
            if len(ranked) > 1 and "size" not in found:
                found["size"] = next(one for one in numeric if one is not ranked[0])
    if "price" in found and "trade_id" not in found and "sequence" not in found and not by_name:
        growing = [one for one in free if one.grows and one not in found.values()]
        if growing:
            found["trade_id"] = growing[0]
    if "symbol" not in found and not by_name:
        lettered = [one for one in free if one.filled and not one.is_number and one not in found.values()]
        named = [one for one in lettered if len(one.words) <= 50 and not {word.lower() for word in one.words} <= _SIDES]
        if named:
            found["symbol"] = named[0]


def _is_product(one: Profile, others: list[Profile]) -> bool:
    """Return whether a column is the product of two others, such as the money of a trade."""
    apart = [other for other in others if other is not one and len(other.numbers) == len(one.numbers)]
    for place, left in enumerate(apart):
        for right in apart[place + 1 :]:
            triples = list(zip(one.numbers, left.numbers, right.numbers, strict=True))[:50]
            if all(abs(a - b * c) <= abs(a) / 10_000 for a, b, c in triples):
                # Of a price, a size and their product, the product is the one that comes last.
                return others.index(one) > max(others.index(left), others.index(right))
    return False


def _pair(numeric: list[Profile]) -> tuple[Profile, Profile] | None:
    """Return two columns of which the first is just below the second nearly always: bid and ask."""
    for place, low in enumerate(numeric):
        for high in numeric[place + 1 : place + 3]:
            if len(low.numbers) != len(high.numbers):
                continue
            pairs = list(zip(low.numbers, high.numbers, strict=True))
            near = sum(0 < one <= two <= one * Decimal("1.05") for one, two in pairs)
            if near >= 0.9 * len(pairs) and low.numbers != high.numbers:
                return low, high
    return None


def _sizes(rest: list[Profile], pair: tuple[Profile, Profile], found: dict[str, Profile]) -> None:
    bid, ask = (rest.index(one) for one in pair)
    places = {1: (ask + 1, ask + 2), 2: (bid + 1, ask + 1)}.get(ask - bid)
    if places is not None and max(places) < len(rest) and all(rest[place].is_number for place in places):
        found["bid_sz"], found["ask_sz"] = (rest[place] for place in places)


def _kind(found: dict[str, Profile], guess: Guess, where: dict[str, str | int]) -> None:
    has_quotes, has_trades = "bid_px" in found and "ask_px" in found, "price" in found
    if "kind" in found and (has_trades or has_quotes):
        words = {}
        for word in found["kind"].words:
            canonical = Kind(int(word)).name.lower() if _is_canonical_kind(found["kind"]) else "ignore"
            words[word] = (next((kind for kind, known in _WORDS.items() if word.lower() in known), canonical),)
        guess.ticks["kind"] = Source(columns=(where[found["kind"].name],), words=words)
        ignored = [word for word, to in words.items() if to == ("ignore",)]
        if ignored:
            guess.notes.append(
                f"{found['kind'].name}: rows of {', '.join(ignored)} are counted and left out; name their kind if they are ticks"
            )
        return
    if has_trades and has_quotes and _plain(found["price"].name).startswith("last"):
        # The last price stands beside each quote.
        del found["price"]
        has_trades = False
    if has_trades and has_quotes:
        guess.notes.append(
            "the file has trades and quotes in one row: trades are read; copy the mapping with kind quote for the others"
        )
        for column in ("bid_px", "bid_sz", "ask_px", "ask_sz"):
            found.pop(column, None)
    if has_trades or has_quotes:
        guess.ticks["kind"] = Source(value="trade" if has_trades else "quote")


def _amount(column: str, profile: Profile, guess: Guess, where: dict[str, str | int]) -> Source:
    unit, rounds = None, False
    largest = max((abs(number) for number in profile.numbers), default=Decimal(0))
    whole = _whole_unit(profile) if profile.is_whole and column in _PRICES else None
    if column in ("size", "bid_sz", "ask_sz") and _whole_unit(profile) == "0.000000001" == guess.price_unit:
        whole = guess.price_unit
    if whole is not None:
        unit = whole
        guess.price_unit = guess.price_unit or whole
        guess.notes.append(f"{profile.name}: whole numbers, one taken to be worth {unit}; set `unit` if it is not")
    elif profile.is_floated:
        rounds = True
        guess.notes.append(
            f"{profile.name}: values have up to {profile.decimals} decimals, as floats leave them; rounded to nine"
        )
    elif profile.decimals > 9:
        power = min(9, -(-(profile.decimals - 9) // 3) * 3)
        unit = "1" + "0" * power
        guess.notes.append(
            f"{profile.name}: values have {profile.decimals} decimals, nine are kept; counted {unit} times as large"
        )
    elif largest > _MOST:
        power = next((power for power in (3, 6, 9) if largest.scaleb(-power) <= _MOST), 9)
        unit = "0." + "0" * (power - 1) + "1"
        guess.notes.append(f"{profile.name}: values go beyond {_MOST:f}; counted in units of {10**power:,}")
    some = [number for number in profile.numbers if number]
    is_zero_none = column in ("bid_px", "ask_px") and len(some) < len(profile.numbers)
    if is_zero_none:
        guess.notes.append(f"{profile.name}: a price of 0 is taken for an empty side")
    return Source(columns=(where[profile.name],), unit=unit, round=rounds, zero_is_none=is_zero_none)


def _whole_unit(profile: Profile) -> str | None:
    """Return what one is worth where whole prices are surely none in ones: 1e-9 or 1e-4, the scales that are in use."""
    numbers = [int(number) for number in profile.numbers if number]
    if numbers and min(numbers) >= 10**9 and all(number % 10**4 == 0 for number in numbers):
        return "0.000000001"
    if numbers and min(numbers) >= 10**5 and all(number % 100 == 0 for number in numbers):
        return "0.0001"
    return None


def _names(sample: Sample, found: dict[str, Profile], guess: Guess, where: dict[str, str | int]) -> None:
    if "venue" in found:
        guess.ticks["venue"] = Source(columns=(where[found["venue"].name],), upper=True)
    else:
        guess.ticks["venue"] = Source(value="OWN")
        guess.notes.append("the venue is not in the file: OWN is taken; write its name")
    if "channel" in found:
        guess.ticks["channel"] = Source(columns=(where[found["channel"].name],))
    if "symbol" in found:
        guess.ticks["symbol"] = Source(columns=(where[found["symbol"].name],))
        return
    leading = re.match(r"[A-Z][A-Z0-9]{2,}(?=[-_.])", sample.path.name)
    if leading and leading[0] not in _NO_SYMBOLS:
        guess.ticks["symbol"] = Source(path=r"(?:^|/)([A-Z][A-Z0-9]{2,})[-_.][^/]*$")
    else:
        guess.ticks["symbol"] = Source(value=sample.path.name.partition(".")[0].upper())
    part = "the beginning of its name" if guess.ticks["symbol"].path else "its name"
    guess.notes.append(f"the symbol is not in the file: {part} is taken")
