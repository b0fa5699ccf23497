"""What a mapping says, and whether it can be meant: every problem is found at once, each a line.

A mapping is a TOML file: `name`, a table `file` (how cells are read), a table `ticks` (a table for each column of a tick) and a
table `channels` (what is implied of its channels). `docs/your-own-files.md` shows one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from producers.recordings.mapping.time_forms import compiled
from tickproof.errors import SettingsError
from tickproof.ticks.schema import NAMES, Condition, Flag, Kind

TIMES = ("ts_recv", "ts_event")
UNITS = ("bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size")
IDENTITIES = ("sequence", "trade_id")
BITS: dict[str, dict[str, int]] = {
    "conditions": {bit.name.lower(): int(bit) for bit in Condition if bit.name},
    "flags": {bit.name.lower(): int(bit) for bit in Flag if bit.name},
}
"""Columns of bits -> name of a bit -> its value."""
COLUMNS = (*TIMES, *NAMES, "kind", *UNITS, *IDENTITIES, *BITS)
REQUIRED = ("ts_recv", "venue", "symbol", "kind")
KINDS: dict[str, int] = {kind.name.lower(): int(kind) for kind in Kind}
IGNORED = "ignore"
"""What a word of `kind` becomes whose rows are no ticks: counted by the word."""
TIME_UNITS: dict[str, int] = {"s": 9, "ms": 6, "us": 3, "ns": 0}
"""Unit of a time that is a number -> the power of ten in it, in ns."""
BY_SIZE = "by_size"
"""The unit follows from the first time of the file: seconds have 9 or 10 digits, ms 12 or 13, us 15 or 16, ns 18 or 19."""
TYPES = ("csv", "jsonl", "parquet")
SEQUENCES = ("contiguous", "increasing", "shared", "none")
SIDES = ("message", "merge")
OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)
_POWER = re.compile(r"10*|0\.0*1", re.ASCII)
_MOST_POWER = 9
_FILE_KEYS = {"type", "header", "delimiter", "columns", "decimal_comma", "path", "skip_lines"}
_CHANNEL_KEYS = {"sequence", "sides", "calendar"}
_KEYS: dict[str, set[str]] = {
    **{column: {"from", "unit", "form", "zone"} for column in TIMES},
    **{column: {"from", "value", "path", "words", "upper"} for column in NAMES},
    "kind": {"from", "value", "words"},
    **{column: {"from", "unit", "round", "zero_is_none"} for column in UNITS},
    **{column: {"from"} for column in IDENTITIES},
    **{column: {"from", "words", "split"} for column in BITS},
}
"""Column of a tick -> what may be said of it."""

Where = str | int


@dataclass(frozen=True, slots=True)
class Source:
    """Where one column of a tick comes from.

    Parameters
    ----------
    columns : tuple of str or int
        The file's columns, by name or by number from 1; several are joined by a blank (a date and a time). Of JSON: names joined
        by dots, from the outside in.
    value : str, optional
        The same for all rows. In a channel's, `{venue}`, `{symbol}` and `{kind}` stand for those of the row.
    path : str, optional
        A regular expression for the file's path, whose first group is the value.
    unit : str, optional
        Of a time: one of TIME_UNITS, or `by_size`. Of a price or size: what one in the file is worth, a power of ten.
    form : str, optional
        Of a time that is text: `iso`, or a form such as `YYYYMMDD hh:mm:ss.f`; see `time_forms`.
    zone : str, optional
        Of a time that is text without an offset: a name of the tz database, or a fixed offset such as -05:00; UTC if left out.
    words : mapping, optional
        The file's words -> what is meant; another word of `kind`, `conditions` or `flags` is no tick, or no bit.
    split : str, optional
        What stands between several words of one cell.
    round, zero_is_none, upper : bool
        Values with more decimals are rounded; a zero means that there is no value; names are written in capitals.
    """

    columns: tuple[Where, ...] = ()
    value: str | None = None
    path: str | None = None
    unit: str | None = None
    form: str | None = None
    zone: str | None = None
    words: Mapping[str, tuple[str, ...]] | None = None
    split: str | None = None
    round: bool = False
    zero_is_none: bool = False
    upper: bool = False

    @property
    def power(self) -> int:
        """Return k where one in the file is worth 10**k."""
        text = self.unit or "1"
        return -(len(text) - 2) if text.startswith("0.") else len(text) - 1


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How a kind of file becomes ticks. `text` is the mapping as it was written: what tells two of them apart."""

    name: str
    ticks: Mapping[str, Source]
    type: str = "csv"
    header: bool = True
    delimiter: str = ","
    columns: int = 0
    decimal_comma: bool = False
    path: str | None = None
    skip_lines: int = 0
    sequence: str = "none"
    sides: str = "message"
    calendar: str | None = None
    text: str = field(default="", repr=False)

    @property
    def wanted(self) -> tuple[Where, ...]:
        """Return the file's columns that are read, each once, in the order of the ticks' columns."""
        return tuple(dict.fromkeys(column for source in self.ticks.values() for column in source.columns))


def load(path: Path) -> ColumnMapping:
    """Read a mapping from a TOML file.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or says something wrong; everything that is wrong is listed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"mapping {path}: {reason}; make one with `tickproof recordings --describe FILE --out {path}`"
        ) from error
    return parse(text, f"mapping {path}")


def parse(text: str, where: str) -> ColumnMapping:
    """Return the mapping that a TOML text says.

    Raises
    ------
    SettingsError
        It is not TOML, or says something wrong; everything that is wrong is listed.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not TOML: {error}") from error
    problems = list(_problems(data))
    if problems:
        raise SettingsError("\n".join(f"{where}: {problem}" for problem in problems))
    file, channels = data.get("file", {}), data.get("channels", {})
    ticks = {column: _source(data["ticks"][column]) for column in COLUMNS if column in data["ticks"]}
    return ColumnMapping(name=data.get("name", "mapping"), ticks=ticks, **file, **channels, text=text)


def _source(said: dict[str, Any]) -> Source:
    given = dict(said)
    columns = given.pop("from", ())
    words = given.pop("words", None)
    if "value" in given:
        given["value"] = str(given["value"])
    return Source(
        columns=tuple(columns) if isinstance(columns, list | tuple) else (columns,),
        words=None if words is None else {word: (to,) if isinstance(to, str) else tuple(to) for word, to in words.items()},
        **given,
    )


def _problems(data: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong, each a line: where, found, expected."""
    yield from _unknown(data, "", {"name", "file", "ticks", "channels"})
    if not isinstance(data.get("name", "x"), str) or not data.get("name", "x"):
        yield f"name: found {data['name']!r}, expected a word"
    for table in ("file", "ticks", "channels"):
        if not isinstance(data.get(table, {}), dict):
            yield f"{table}: found {data[table]!r}, expected a table"
            return
    file, ticks, channels = data.get("file", {}), data.get("ticks", {}), data.get("channels", {})
    yield from _file_problems(file)
    yield from _unknown(channels, "channels.", _CHANNEL_KEYS)
    yield from _choice(channels, "channels.", "sequence", SEQUENCES)
    yield from _choice(channels, "channels.", "sides", SIDES)
    yield from _text(channels, "channels.", "calendar")
    yield from _unknown(ticks, "ticks.", set(COLUMNS))
    for column in REQUIRED:
        if column not in ticks:
            yield f"ticks.{column}: missing, expected a table that says where it comes from"
    if not any(column in ticks for column in UNITS):
        yield f"ticks: found no price or size, expected at least one of {', '.join(UNITS)}"
    is_numbered = file.get("header", True) is False
    for column in COLUMNS:
        if column in ticks:
            yield from _column_problems(column, ticks[column], is_numbered)


def _file_problems(file: dict[str, Any]) -> Iterator[str]:
    yield from _unknown(file, "file.", _FILE_KEYS)
    yield from _choice(file, "file.", "type", TYPES)
    for key in ("header", "decimal_comma"):
        if not isinstance(file.get(key, False), bool):
            yield f"file.{key}: found {file[key]!r}, expected true or false"
    for key in ("columns", "skip_lines"):
        if not _is_count(file.get(key, 0)):
            yield f"file.{key}: found {file[key]!r}, expected a number from 0 to 10000"
    if file.get("type") in ("jsonl", "parquet") and file.get("header", True) is False:
        yield f"file.header: found false, expected true: columns of {file['type']} have names"
    if file.get("header", True) is False and not file.get("columns"):
        yield "file.columns: missing, expected how many columns a line has, since there is no header"
    delimiter = file.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter.encode()) != 1 or delimiter in '"\r\n':
        yield f"file.delimiter: found {delimiter!r}, expected one character such as ',' or ';'"
    yield from _expression(file, "file.", groups=0)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000


def _column_problems(column: str, said: Any, is_numbered: bool) -> Iterator[str]:
    where = f"ticks.{column}."
    if not isinstance(said, dict):
        yield f'ticks.{column}: found {said!r}, expected a table such as {{from = "price"}}'
        return
    yield from _unknown(said, where, _KEYS[column])
    given = [key for key in ("from", "value", "path") if key in said]
    if len(given) != 1:
        allowed = " or ".join(key for key in ("from", "value", "path") if key in _KEYS[column])
        yield f"ticks.{column}: found {' and '.join(given) or 'no source'}, expected one of: {allowed}"
    yield from _from_problems(where, said, is_numbered, many=column in TIMES)
    yield from _expression(said, where, groups=1)
    for key in ("round", "zero_is_none", "upper"):
        if not isinstance(said.get(key, False), bool):
            yield f"{where}{key}: found {said[key]!r}, expected true or false"
    if column in TIMES:
        yield from _time_problems(where, said)
    elif column in UNITS and "unit" in said:
        unit = said["unit"]
        if not isinstance(unit, str) or not _POWER.fullmatch(unit) or abs(Source(unit=unit).power) > _MOST_POWER:
            yield f'{where}unit: found {unit!r}, expected what one in the file is worth: a power of ten as text, such as "0.0001"'
    if column == "kind":
        yield from _kind_problems(where, said)
    elif "words" in said:
        yield from _word_problems(where, said["words"], BITS.get(column))
    elif column in BITS:
        yield f"{where}words: missing, expected which word means which of {', '.join(BITS[column])}"


def _from_problems(where: str, said: dict[str, Any], is_numbered: bool, *, many: bool) -> Iterator[str]:
    if "from" not in said:
        return
    columns = said["from"] if isinstance(said["from"], list) and many else [said["from"]]
    kind: type = int if is_numbered else str
    expected = "a column's number from 1, since there is no header" if is_numbered else "a column's name"
    for column in columns or [None]:
        if not isinstance(column, kind) or isinstance(column, bool) or not column or (isinstance(column, int) and column < 1):
            yield f"{where}from: found {column!r}, expected {expected}"


def _time_problems(where: str, said: dict[str, Any]) -> Iterator[str]:
    if ("unit" in said) == ("form" in said):
        yield f"{where[:-1]}: found {'both' if 'unit' in said else 'neither'}, expected `unit` for numbers or `form` for text"
    yield from _choice(said, where, "unit", (*TIME_UNITS, BY_SIZE))
    if "form" in said and (not isinstance(said["form"], str) or (said["form"] != "iso" and compiled(said["form"]) is None)):
        yield f"{where}form: found {said['form']!r}, expected iso, or a form with YYYY, MM and DD such as YYYYMMDD hh:mm:ss.f"
    zone = said.get("zone", "UTC")
    if not isinstance(zone, str) or not (OFFSET.fullmatch(zone) or _is_zone(zone)):
        yield f"{where}zone: found {zone!r}, expected a name such as America/New_York, or a fixed offset such as -05:00"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


def _kind_problems(where: str, said: dict[str, Any]) -> Iterator[str]:
    kinds = f"one of {', '.join(KINDS)}"
    if "value" in said and said["value"] not in KINDS:
        yield f"{where}value: found {said['value']!r}, expected {kinds}"
    if "from" in said and "words" not in said:
        yield f"{where}words: missing, expected which word means {kinds}, or {IGNORED}"
    yield from _word_problems(where, said.get("words", {}), {**KINDS, IGNORED: -1})


def _word_problems(where: str, words: Any, meant: Mapping[str, int] | None) -> Iterator[str]:
    if not isinstance(words, dict):
        yield f"{where}words: found {words!r}, expected a table from the file's words to what they mean"
        return
    for word, to in words.items():
        many = to if isinstance(to, list) and meant is not None and IGNORED not in meant else [to]
        for one in many:
            if not isinstance(one, str) or (meant is not None and one not in meant):
                expected = "text" if meant is None else f"one of {', '.join(meant)}"
                yield f"{where}words.{word}: found {one!r}, expected {expected}"


def _unknown(said: dict[str, Any], where: str, known: set[str]) -> Iterator[str]:
    for key in said:
        if key not in known:
            yield f"{where}{key}: unknown here, expected one of {', '.join(sorted(known))}"


def _choice(said: dict[str, Any], where: str, key: str, choices: tuple[str, ...]) -> Iterator[str]:
    if key in said and said[key] not in choices:
        yield f"{where}{key}: found {said[key]!r}, expected one of {', '.join(choices)}"


def _text(said: dict[str, Any], where: str, key: str) -> Iterator[str]:
    if key in said and not isinstance(said[key], str):
        yield f"{where}{key}: found {said[key]!r}, expected text"


def _expression(said: dict[str, Any], where: str, groups: int) -> Iterator[str]:
    if "path" not in said:
        return
    expected = "a regular expression" + (" with a group around the value" if groups else "")
    try:
        found = re.compile(said["path"])
    except (re.error, TypeError):
        yield f"{where}path: found {said['path']!r}, expected {expected}"
        return
    if found.groups < groups:
        yield f"{where}path: found {said['path']!r}, expected {expected}"
