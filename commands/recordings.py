"""`tickproof recordings`: what is in recorded feeds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from producers.recordings import RECORDINGS, Contents, contents, find
from tickproof.errors import InputError

_FORMATS = "\n".join(f"  {format_.name:8} {format_.meaning}" for format_ in RECORDINGS)


@click.command(epilog=f"\b\nFormats:\n{_FORMATS}")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, an object a file.")
def command(paths: tuple[Path, ...], as_json: bool) -> None:
    """List the recordings in files and folders: format, ticks by kind, and what could not be decoded.

    Every file is read to its end. Files of no known format in a folder are listed without a format.

    \b
    Examples:
      tickproof recordings recordings/
      tickproof recordings ticks.parquet --json
    """
    listed = []
    for one in _listed(paths):
        listed.append(one)
        if not as_json:
            click.echo(_line(one))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in listed]))
    else:
        total = sum(one.ticks for one in listed)
        undecoded = sum(sum(one.undecoded.values()) for one in listed)
        click.echo(f"{total:,} ticks in {len(listed)} files, {undecoded:,} undecoded")


def _listed(paths: tuple[Path, ...]) -> Iterator[Contents]:
    """The recordings one by one; in a folder, a file that cannot be read is listed with the reason."""
    unknown: list[Path] = []
    for path in paths:
        for file, format_ in find([path], unknown):
            try:
                yield contents(file, format_)
            except InputError as error:
                if not path.is_dir():
                    raise
                yield Contents(str(file), format_.name, undecoded={f"not read: {error}": 1})
    for file in unknown:
        yield Contents(str(file), None)


def _line(one: Contents) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in one.by_kind.items())
    parts = [f"{one.path}: {one.format or 'no known format'}", f"{one.ticks} ticks ({kinds or 'none'})"]
    if one.messages != one.ticks:
        parts.append(f"{one.messages} messages")
    if one.out_of_order:
        parts.append(f"{one.out_of_order} out of order")
    parts += [f"undecoded: {reason} ({count})" for reason, count in one.undecoded.items()]
    return ", ".join(parts if one.format else parts[:1])
