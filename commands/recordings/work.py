"""`tickproof recordings`: the contents of recorded feeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from commands.recordings.mapping_description import described
from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.registry import Contents, Format, contents, find, known, with_mapping
from tickproof.errors import InputError, SettingsError


def run(
    ctx: click.Context,
    paths: tuple[Path, ...],
    mapping: ColumnMapping | None,
    describe: bool,
    out: Path | None,
    as_json: bool,
    reference_out: Path | None,
) -> None:
    """Carry out `tickproof recordings`."""
    if describe:
        click.echo(described(paths, mapping, out, as_json))
        return
    if out is not None:
        raise click.UsageError("--out is where --describe writes a mapping; give both, or leave --out out")
    formats = with_mapping(mapping)
    if reference_out is not None:
        click.echo(_write_reference(paths, reference_out, formats))
        return
    listed: list[Contents] = []
    for one in _listed(paths, formats):
        listed.append(one)
        if not as_json:
            click.echo(_line(one))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in listed]))
    else:
        total = sum(one.ticks for one in listed)
        undecoded = sum(sum(one.undecoded.values()) for one in listed)
        click.echo(f"{total:,} ticks in {len(listed)} {'file' if len(listed) == 1 else 'files'}, {undecoded:,} undecoded")
    if not any(one.ticks for one in listed) or any(one.broken for one in listed):
        ctx.exit(InputError.exit_status)


def _write_reference(paths: tuple[Path, ...], out: Path, formats: Sequence[Format]) -> str:
    """Write reference data; return a line that says what was written."""
    reference = known(paths, formats)
    try:
        out.write_text(reference.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"recordings: cannot write {out} ({error.strerror}); choose another --reference-out") from error
    modes = ", ".join(f"{name} {channel.sequence}" for name, channel in sorted(reference.channels.items()))
    return f"{out}: {modes or 'nothing that formats imply of these channels'}"


def _listed(paths: tuple[Path, ...], formats: Sequence[Format]) -> Iterator[Contents]:
    """Yield the recordings one by one; in a folder, a file that cannot be read is listed with the reason."""
    unknown: list[Path] = []
    for path in paths:
        for file, format_ in find([path], unknown, formats):
            try:
                yield contents(file, format_)
            except InputError as error:
                if not path.is_dir():
                    raise
                yield Contents(str(file), format_.name, undecoded={f"not read: {error}": 1}, broken=True)
    for file in unknown:
        yield Contents(str(file), None)


def _line(one: Contents) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in one.by_kind.items())
    parts = [f"{one.path}: {one.format or 'no known format'}", f"{one.ticks} ticks ({kinds or 'none'})"]
    if one.messages != one.ticks:
        parts.append(f"{one.messages} messages")
    if one.out_of_order:
        parts.append(f"{one.out_of_order} out of order")
    parts += [f"{type_} without ticks {count}" for type_, count in one.without_ticks.items()]
    parts += [f"{note} {count}" for note, count in one.notes.items()]
    parts += [f"undecoded: {reason} ({count})" for reason, count in one.undecoded.items()]
    return "\n".join([", ".join(parts if one.format else parts[:1]), *(f"  {said}" for said in one.statements)])
