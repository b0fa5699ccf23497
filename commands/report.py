"""`tickproof report`: a scan's folder as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.options.tables import INCIDENTS_SHOWN


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="F", help="File to write; by default in DIR.")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="F",
    help="Labels (CSV); adds recall by kind to the report.",
)
@click.option(
    "--incidents",
    "limit",
    type=click.IntRange(min=0, max=500),
    default=INCIDENTS_SHOWN,
    show_default=True,
    help="Number of incidents shown in full, worst first.",
)
@click.option("--open", "open_it", is_flag=True, help="Open the report in a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the report's path and size in bytes as JSON.")
def command(**options: Any) -> None:
    """Write the report on a scan: what was found, and the worst incidents with the ticks around them.

    DIR is a folder that `tickproof scan --out` wrote. The report is one file that needs neither network nor server.

    \b
    Examples:
      tickproof report out
      tickproof report out --labels sim/labels.csv --open
      tickproof report out --incidents 100 --out monday.html
    """
    from commands.work.report import run

    run(**options)
