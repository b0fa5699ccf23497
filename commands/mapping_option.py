"""The option `--mapping` of every command that reads recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from producers.recordings.mapping.specification import ColumnMapping, load

Command = TypeVar("Command", bound=Callable[..., object])


def _loaded(context: click.Context, parameter: click.Parameter, path: Path | None) -> ColumnMapping | None:
    return None if path is None else load(path)


def mapping_option(command: Command) -> Command:
    """Add `--mapping FILE`, which is read and checked at once."""
    return click.option(
        "--mapping",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_loaded,
        metavar="FILE",
        help="What the columns of your own files mean, as `recordings --describe` writes it; tried before the known formats.",
    )(command)
