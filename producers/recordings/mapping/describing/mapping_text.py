"""A guessed mapping as the TOML that a person reads, checks and changes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from producers.recordings.mapping.describing.guess import Guess
from producers.recordings.mapping.describing.sample import Sample
from producers.recordings.mapping.specification import COLUMNS, Source


def text(sample: Sample, guess: Guess, name: str) -> str:
    """Return the mapping's TOML; what is not sure stands above it as comments."""
    lines = [
        f"# A guess from the first {sample.rows} rows of {_shown(sample.path.name)}.",
        "# What may stand here is said in docs/your-own-files.md.",
    ]
    lines += [f"# Check: {_shown(note)}" for note in guess.notes]
    lines += ["", f"name = {_quoted(name)}", "", "[file]", *_file(sample, guess), "", "[ticks]"]
    lines += [f"{column} = {{{', '.join(_said(guess.ticks[column]))}}}" for column in COLUMNS if column in guess.ticks]
    sequence = "increasing" if "sequence" in guess.ticks else "none"
    lines += ["", "[channels]", f'sequence = "{sequence}"', ""]
    return "\n".join(lines)


def _file(sample: Sample, guess: Guess) -> list[str]:
    lines = [f'type = "{sample.type}"']
    if sample.type != "csv":
        return lines
    lines += ["header = true"] if sample.header else ["header = false", f"columns = {len(sample.names)}"]
    lines.append(f"delimiter = {_quoted(sample.delimiter)}")
    if guess.decimal_comma:
        lines.append("decimal_comma = true")
    if sample.skip_lines:
        lines.append(f"skip_lines = {sample.skip_lines}")
    return lines


def _said(source: Source) -> Iterator[str]:
    columns = [_quoted(column) if isinstance(column, str) else str(column) for column in source.columns]
    if columns:
        yield f"from = {columns[0] if len(columns) == 1 else '[' + ', '.join(columns) + ']'}"
    for key in ("value", "path", "unit", "form", "zone"):
        if (said := getattr(source, key)) is not None:
            yield f"{key} = {_quoted(said)}"
    if source.words is not None:
        yield "words = {" + ", ".join(f"{_quoted(word)} = {_quoted(to[0])}" for word, to in source.words.items()) + "}"
    for key in ("round", "zero_is_none", "upper"):
        if getattr(source, key):
            yield f"{key} = true"


def _quoted(word: str) -> str:
    # A JSON string is one of TOML, but for the characters that TOML wants escaped and JSON does not.
    return json.dumps(word, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shown(line: str) -> str:
    """Return a line that breaks no comment, whatever names hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)
