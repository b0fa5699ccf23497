"""What `tickproof recordings --describe` prints: guessed columns, three ticks as read, and the mapping."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from producers.recordings.mapping import files
from producers.recordings.mapping.describing.guess import Guess, guessed
from producers.recordings.mapping.describing.mapping_text import text
from producers.recordings.mapping.describing.sample import Sample, sample_of
from producers.recordings.mapping.specification import COLUMNS, REQUIRED, ColumnMapping, Source, parse
from producers.recordings.reading.tally import Tally
from producers.recordings.registry import find
from tickproof.errors import InputError, SettingsError
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.rfc3339 import iso
from tickproof.ticks.schema import SCHEMA, UNITS_PER_ONE, Kind, concat

SHOWN_TICKS = 3
_AMOUNTS = ("bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size")


def described(paths: tuple[Path, ...], mapping: ColumnMapping | None, out: Path | None, as_json: bool) -> str:
    """Guess one file's mapping, write it where asked for, and return what there is to say about it.

    Raises
    ------
    InputError
        The file is no CSV, JSON lines or Parquet, or what a tick needs is not found in it.
    """
    if len(paths) != 1 or paths[0].is_dir():
        raise click.UsageError("--describe is about one file; give its path")
    if mapping is not None:
        raise click.UsageError("--describe makes a mapping; leave --mapping out")
    sample = sample_of(paths[0])
    guess = guessed(sample)
    with suppress(InputError):
        (_, known), *_ = find(paths)
        guess.notes.insert(0, f"the file is read without a mapping, too, as {known.name}: {known.meaning}")
    missing = [column for column in REQUIRED if column not in guess.ticks]
    if missing:
        raise InputError(
            f"{paths[0]}: found no column for {', '.join(missing)} among {', '.join(sample.names)[:200]}; "
            "write a mapping by hand, docs/your-own-files.md shows one"
        )
    written = text(sample, guess, paths[0].name.partition(".")[0] or "mapping")
    parsed = parse(written, f"mapping of {paths[0]}")
    tally = Tally()
    ticks = concat(list(itertools.islice((part for part in files.read(paths[0], parsed, tally) if len(part)), 1)))
    first = ticks.take(slice(0, SHOWN_TICKS))
    rows: list[dict[str, Any]] = to_arrow(first).to_pylist() if len(first) else []
    if out is not None:
        try:
            out.write_text(written, encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"recordings: cannot write {out} ({error.strerror}); choose another --out") from error
    if as_json:
        columns = {column: _meaning(column, guess.ticks[column]) for column in COLUMNS if column in guess.ticks}
        said = {"path": str(paths[0]), "columns": columns, "left_out": guess.left_out, "notes": guess.notes}
        return json.dumps({**said, "ticks": rows, "undecoded": dict(tally.undecoded), "mapping": written})
    return "\n".join(_lines(sample, guess, rows, dict(tally.undecoded), written if out is None else None, out))


def _lines(
    sample: Sample, guess: Guess, rows: list[dict[str, Any]], undecoded: dict[str, int], written: str | None, out: Path | None
) -> list[str]:
    how = {"csv": f"CSV, {'a header' if sample.header else 'no header: columns by number'}, {sample.delimiter!r} between cells"}
    lines = [f"{sample.path}: {how.get(sample.type, sample.type)}; the first {sample.rows:,} rows were looked at", ""]
    lines += _table([("of a tick", "in the file"), *((c, _meaning(c, guess.ticks[c])) for c in COLUMNS if c in guess.ticks)])
    if guess.left_out:
        lines.append(f"left out: {', '.join(guess.left_out)}")
    used = [name for name in SCHEMA.names if name in guess.ticks or name == "channel"]
    lines += [
        "",
        "The first ticks as read:",
        *_table([tuple(used), *(tuple(_cell(name, row[name]) for name in used) for row in rows)]),
    ]
    lines += [f"not read, {reason}: {count:,}" for reason, count in undecoded.items()]
    lines += ["", *(f"check: {note}" for note in guess.notes)] if guess.notes else []
    if written is not None:
        return [*lines, "", "The mapping, which --out FILE writes:", "", written.rstrip()]
    return [*lines, f"{out}: written; next: tickproof scan {sample.path} --mapping {out} --out out"]


def _meaning(column: str, source: Source) -> str:
    if source.value is not None:
        return f"{source.value}, for all rows"
    if source.path is not None:
        return "from the file's name"
    words = [" and ".join(map(str, source.columns))]
    if column in ("ts_recv", "ts_event"):
        words.append(f"{source.unit} since 1970" if source.unit else f"{source.form}, zone {source.zone}")
    if source.unit and column in _AMOUNTS:
        words.append(f"one is {source.unit}")
    if source.round:
        words.append("rounded to nine decimals")
    if source.zero_is_none:
        words.append("0 is none")
    if source.words is not None:
        words += [f"{word} is {to[0]}" for word, to in source.words.items()]
    return ", ".join(words)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in ("ts_recv", "ts_event"):
        return iso(value)
    if name == "kind":
        return Kind(value).name.lower()
    if name in _AMOUNTS:
        sign, (whole, fraction) = "-" if value < 0 else "", divmod(abs(value), UNITS_PER_ONE)
        return f"{sign}{whole}.{fraction:09}".rstrip("0").rstrip(".")
    return str(value)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
