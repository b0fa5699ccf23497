"""A table of somebody's columns as ticks: every row is one, or is counted with the column, an example and the limit it breaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.recordings.mapping import times
from producers.recordings.mapping.specification import (
    BITS,
    BY_SIZE,
    IDENTITIES,
    IGNORED,
    KINDS,
    TIMES,
    UNITS,
    ColumnMapping,
    Source,
    Where,
)
from producers.recordings.reading.cells import Cells, scaled, text_of
from producers.recordings.reading.delimited import Fits, Numbers
from producers.recordings.reading.names import Names
from producers.recordings.reading.row_builder import hashed
from producers.recordings.reading.tally import Tally
from producers.streams.word_copy import gathered
from tickproof.errors import InputError
from tickproof.ticks.schema import NAMES, NULLABLE, ROW, Array, Kind, Ticks

DECIMALS = 9
CHANNEL = "{venue}.{kind}"
"""The channel of a mapping that names none: one for each venue and kind."""
_LONGEST = 40
"""Most characters of a cell that are shown."""


class Rows:
    """Tables of one file on their way to ticks.

    Parameters
    ----------
    mapping : ColumnMapping
    path : Path
        The file, whose name may hold names.
    tally : Tally
        Gets what is no tick, by reason; the first of each kind is shown with its line.
    """

    def __init__(self, mapping: ColumnMapping, path: Path, tally: Tally) -> None:
        self.mapping = mapping
        self._tally = tally
        self._names = Names()
        self._units = {column: source.unit for column, source in mapping.ticks.items() if column in TIMES}
        self._reasons: dict[tuple[str, str], str] = {}
        self._fixed = {
            column: named_by_path(source.path, path) if source.path else source.value
            for column, source in mapping.ticks.items()
            if column in NAMES and not source.columns
        }
        for column, name in self._fixed.items():
            if name is None:
                found = mapping.ticks[column].path
                raise InputError(f"{path}: the path does not show the {column}, expected one that matches {found}")
        self._table = pa.table({})
        self._identity: tuple[tuple[Where, ...], Cells] | None = None
        """The numbers of the columns of `sequence`, which often are those of `trade_id`, too."""
        self._numbers: Numbers = np.zeros(0, np.int64)
        self._good: Fits = np.zeros(0, bool)

    def ticks(self, table: pa.Table, numbers: Numbers) -> Ticks:
        """Return the ticks of a table.

        Parameters
        ----------
        table : pyarrow.Table
            The wanted columns, named as the mapping names them.
        numbers : array of int64
            The place of each row in the file, from 0.
        """
        self._table, self._numbers, self._good = table, numbers, np.ones(len(table), bool)
        self._identity = None
        rows: Array = np.zeros(len(table), ROW)
        rows["row"] = numbers
        for column, source in self.mapping.ticks.items():
            if column in TIMES:
                self._put(rows, column, self._times(column, source))
            elif column in UNITS:
                self._put(rows, column, self._amounts(column, source))
            elif column in IDENTITIES:
                self._put(rows, column, self._identities(column, source))
            elif column in BITS:
                rows[column] = self._bits(column, source)
        rows["kind"] = self._kinds(self.mapping.ticks["kind"])
        self._fill_names(rows)
        self._empty_sides(rows)
        return Ticks(rows if self._good.all() else gathered(rows, np.flatnonzero(self._good)), self._names.table)

    def _cells(self, source: Source) -> pa.Array:
        columns = [_one(self._table, column) for column in source.columns]
        return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*map(text_of, columns), " ")

    def _numeric(self, source: Source) -> pa.Array:
        cells = self._cells(source)
        return pc.replace_substring(cells, ",", ".") if self.mapping.decimal_comma and pa.types.is_string(cells.type) else cells

    def _times(self, column: str, source: Source) -> Cells:
        array = self._cells(source)
        if not (pa.types.is_timestamp(array.type) or _is_readable(array.type)):
            raise InputError(f"column {source.columns[0]}: found {array.type}, expected times for {column}")
        if source.form is not None:
            found = times.written(array, source.form, source.zone or "UTC")
            if found.ambiguous:
                self._tally.notes[f"{column}: local time that is there twice, read as the earlier"] += found.ambiguous
            cells = found.cells
        else:
            array = array if pa.types.is_timestamp(array.type) else self._numeric(source)
            cells = times.counted(array, self._unit(column, array))
        self._refuse(column, source, cells.refused)
        if column not in NULLABLE:
            self._refuse(column, source, {"none": ~cells.there})
        return cells

    def _unit(self, column: str, array: pa.Array) -> str:
        """Return the unit of a time; one that follows from the size of the first is decided once a file."""
        unit = self._units[column] or "ns"
        if unit != BY_SIZE:
            return unit
        first = scaled(array, 0, rounds=True)
        places = np.flatnonzero(first.there & (first.values != 0))
        if not len(places):
            return "ns"
        found = self._units[column] = times.unit_of(int(first.values[places[0]]))
        return found

    def _amounts(self, column: str, source: Source) -> Cells:
        array = self._numeric(source)
        if not _is_readable(array.type):
            raise InputError(f"column {source.columns[0]}: found {array.type}, expected numbers for {column}")
        cells = scaled(array, DECIMALS + source.power, rounds=source.round)
        self._refuse(column, source, cells.refused)
        if cells.rounded:
            self._tally.notes[f"{column}: rounded to nine decimals"] += cells.rounded
        if source.zero_is_none:
            cells = cells._replace(there=cells.there & (cells.values != 0))
        return cells

    def _identities(self, column: str, source: Source) -> Cells:
        if self._identity is not None and self._identity[0] == source.columns and not self._identity[1].refused:
            return self._identity[1]
        array = self._cells(source)
        if column == "trade_id" and not pa.types.is_integer(array.type):
            cells = _identities(text_of(array))
        else:
            cells = scaled(array, 0)
            if (cells.values < 0).any():
                cells.refused["a number below 0, expected at least 0"] = cells.values < 0
            self._identity = source.columns, cells
        self._refuse(column, source, cells.refused)
        return cells

    def _bits(self, column: str, source: Source) -> Numbers:
        words, meant = source.words or {}, BITS[column]

        def bits(cell: str) -> int:
            found = 0
            for word in cell.split(source.split) if source.split else [cell]:
                for name in words.get(word.strip(), ()):
                    found |= meant[name]
            return found

        return self._by_word(source, bits)

    def _kinds(self, source: Source) -> Array:
        if source.value is not None:
            return np.full(len(self._table), KINDS[source.value], np.uint8)
        words = source.words or {}
        numbers = {IGNORED: -1, **KINDS}
        kinds = self._by_word(source, lambda word: numbers[words[word][0]] if word in words else -2)
        self._refuse("kind", source, {f"not one of {', '.join(words)}": kinds == -2})
        ignored = self._good & (kinds == -1)
        if ignored.any():
            for word, count in zip(
                *np.unique(text_of(self._cells(source)).filter(pa.array(ignored)), return_counts=True), strict=True
            ):
                self._tally.without_ticks[f"{source.columns[0]} {word}"] += int(count)
            self._good &= ~ignored
        return np.maximum(kinds, 0).astype(np.uint8)

    def _by_word(self, source: Source, value_of: Callable[[str], int]) -> Numbers:
        encoded = text_of(self._cells(source)).dictionary_encode()
        values = np.array([*map(value_of, encoded.dictionary.to_pylist()), value_of("")], np.int64)
        found: Numbers = values[pc.fill_null(encoded.indices, len(values) - 1).to_numpy(zero_copy_only=False)]
        return found

    def _fill_names(self, rows: Array) -> None:
        for column in ("venue", "symbol"):
            rows[column] = self._name(column)
        source = self.mapping.ticks.get("channel", Source(value=CHANNEL))
        if source.columns:
            rows["channel"] = self._name("channel")
            return
        form = self._fixed.get("channel") or CHANNEL
        parts = [part for part in ("venue", "symbol", "kind") if f"{{{part}}}" in form]
        if not parts:
            rows["channel"] = self._names.code(form)
            return
        key = np.zeros(len(rows), np.int64)
        for part in parts:
            key = key * (1 << 24) + (rows[part].astype(np.int64) + 1)
        unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        codes = [self._names.code(filled(form, self._named(rows[place]))) for place in first.tolist()]
        rows["channel"] = np.array(codes, np.int32)[inverse] if len(unique) else 0

    def _named(self, row: Array) -> dict[str, str]:
        table = self._names.table
        names = {part: table[row[part]] if row[part] >= 0 else "" for part in ("venue", "symbol")}
        return {**names, "kind": Kind(int(row["kind"])).name}

    def _name(self, column: str) -> Array | int:
        source = self.mapping.ticks[column]
        if not source.columns:
            return self._names.code(_spelled(source, self._fixed[column] or ""))
        encoded = text_of(self._cells(source)).dictionary_encode()
        codes = self._names.codes(encoded, lambda word: _spelled(source, word))
        self._refuse(column, source, {"none": codes < 0})
        return codes

    def _empty_sides(self, rows: Array) -> None:
        """Quotes without a price on a side: the side is empty, unless messages carry one side each."""
        if self.mapping.sides == "merge":
            return
        is_quote = rows["kind"] == Kind.QUOTE
        for side in ("bid", "ask"):
            if f"{side}_px" in self.mapping.ticks:
                empty = is_quote & ((rows["present"] & NULLABLE[f"{side}_px"]) == 0)
                rows[f"{side}_sz"][empty] = 0
                rows["present"][empty] |= np.uint16(NULLABLE[f"{side}_sz"])

    @staticmethod
    def _put(rows: Array, column: str, cells: Cells) -> None:
        rows[column] = np.where(cells.there, cells.values, 0)
        if column in NULLABLE:
            rows["present"] |= np.where(cells.there, np.uint16(NULLABLE[column]), np.uint16(0))

    def _refuse(self, column: str, source: Source, refused: Mapping[str, Fits]) -> None:
        """Count the rows that are refused and not yet; the first of a kind is shown with its value and line."""
        for reason, where in refused.items():
            bad = where & self._good
            places = np.flatnonzero(bad)
            if not len(places):
                continue
            self._good &= ~bad
            said = self._reasons.get((column, reason))
            if said is None:
                shown = text_of(self._cells(source))[int(places[0])].as_py()
                example = f", such as {shown[:_LONGEST]!r}" if shown else ""
                said = f"{column}: {reason}{example} in row {int(self._numbers[places[0]]) + 1}"
                self._reasons[column, reason] = said
            self._tally.undecoded[said] += len(places)


def ticks_of_table(table: pa.Table, mapping: ColumnMapping, tally: Tally) -> Ticks:
    """Return the ticks of a table in memory; `row` is the place of each in it.

    Raises
    ------
    InputError
        It has not the columns of the mapping.
    """
    missing = [str(column) for column in mapping.wanted if str(column) not in table.column_names]
    if missing:
        found = ",".join(table.column_names)[:200]
        raise InputError(f"ticks: found the columns {found}, the mapping {mapping.name} expects {', '.join(missing)}, too")
    tally.messages += len(table)
    return Rows(mapping, Path(mapping.name), tally).ticks(table, np.arange(len(table)))


def filled(form: str, names: Mapping[str, str]) -> str:
    """Return a channel's form with the names of a row in it."""
    return re.sub(r"\{(venue|symbol|kind)\}", lambda found: names[found[1]], form)


def named_by_path(expression: str, path: Path) -> str | None:
    """Return the name that a file's path holds."""
    found = re.search(expression, path.absolute().as_posix())
    return None if found is None else found[1]


def _spelled(source: Source, word: str) -> str:
    if source.words is not None:
        word = source.words.get(word, (word,))[0]
    return word.upper() if source.upper else word


def _one(table: pa.Table, column: Where) -> pa.Array:
    found = table.column(str(column)).combine_chunks()
    # A table without rows has no chunks to combine.
    return found if isinstance(found, pa.Array) else pa.array([], found.type)


def _is_readable(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    is_number = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    return bool(is_number or pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_null(type_))


def _identities(array: pa.StringArray) -> Cells:
    """Return ids: numbers of up to 18 digits as they are, other words by their hash."""
    numeric = pc.fill_null(pc.match_substring_regex(array, r"^\d{1,18}$"), False)
    if pc.all(numeric).as_py():
        return scaled(array, 0)
    there = pc.fill_null(pc.not_equal(array, ""), False).to_numpy(zero_copy_only=False)
    is_number = numeric.to_numpy(zero_copy_only=False)
    values = np.zeros(len(array), np.int64)
    values[is_number] = scaled(array.filter(numeric), 0).values
    others = there & ~is_number
    values[others] = [hashed(word) for word in array.filter(pa.array(others)).to_pylist()]
    return Cells(values, there, {})
