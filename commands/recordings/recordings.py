"""`tickproof recordings`: the contents of recorded feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.configuration import mapping_option
from commands.options.tables import FORMATS

_FORMATS = "\n".join(f"  {name:13} {meaning}" for name, meaning in FORMATS.items())


@click.command(epilog=f"\b\nFormats:\n{_FORMATS}")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@mapping_option
@click.option("--describe", is_flag=True, help="Guess the mapping of one CSV, JSON lines or Parquet file, and show ticks.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="With --describe: write the mapping here."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object per file.")
@click.option(
    "--reference-out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what the formats imply of their channels, as reference data for `submit`; nothing else is read.",
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """List the recordings in files and folders: format, ticks by kind, and what could not be decoded.

    Every file is read to its end. Files of unknown format in a folder are listed without one. Exit status 3: a file is broken, or
    there is no tick in any of them.

    \b
    Examples:
      tickproof recordings recordings/
      tickproof recordings ticks.parquet --json
      tickproof recordings recordings/ --reference-out reference.json
      tickproof recordings --describe mine.csv --out mapping.toml
      tickproof recordings mine.csv --mapping mapping.toml
    """
    from commands.recordings.work import run

    run(ctx, **options)
