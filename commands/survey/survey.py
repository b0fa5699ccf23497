"""`tickproof survey`: all recordings below a folder, scanned, as one page.

A TOML file of the same name as the page holds what people say: which files belong together (`[together]`, a name and
patterns of paths below FOLDER; else a folder's files are one recording), which are left out and why (`[left_out]`), what happened
in a minute (`[events]`), and how each unexpected code reads (`[[reading]]`: `recording, code, findings, ticks, text`). A reading
whose counts are no longer those found is shown as not read yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command(name="survey")
@click.argument("folder", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="F", help="The page (Markdown).")
@click.option("--model", metavar="ALIAS|PATH|none", help="Model; by default the setting `model`.")
@click.option("--scans", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Keep each scan's folder here.")
def command(**options: Any) -> None:
    """Scan all recordings below FOLDER and write the page about them.

    \b
    Examples:
      tickproof survey recordings --out recordings.md --scans scans
    """
    from commands.survey.work import run

    run(**options)
