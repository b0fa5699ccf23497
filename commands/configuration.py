"""Settings of a command: the only place that reads the settings file and the environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tickproof.errors import SettingsError

if TYPE_CHECKING:
    from producers.recordings.mapping.specification import ColumnMapping
    from tickproof.settings import Effective

FILE = Path("tickproof.toml")
"""Read from the current folder where it is there; TICKPROOF_SETTINGS names another."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def read(options: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ) -> Effective:
    """Return the settings in force for this command.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or values are wrong.
    """
    # Pydantic takes half as long to import as all else that --help needs.
    from tickproof.settings import resolve

    named = environment.get("TICKPROOF_SETTINGS")
    path = Path(named) if named else FILE
    table: dict[str, Any] = {}
    if named or path.exists():
        try:
            with path.open("rb") as file:
                table = tomllib.load(file)
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}; fix it, or unset TICKPROOF_SETTINGS") from error
        except ValueError as error:  # not UTF-8, or not TOML
            raise SettingsError(f"{path} is not TOML: {error}") from error
    return resolve(table, environment, options, str(path))


def broker_options(function: Decorated) -> Decorated:
    """Add the options --brokers and --prefix, which default to the settings."""
    function = click.option("--prefix", help="Put before every topic's name; by default the setting `prefix`.")(function)
    return click.option("--brokers", metavar="HOST:PORT", help="Kafka broker; by default the setting `brokers`.")(function)


def _loaded(context: click.Context, parameter: click.Parameter, path: Path | None) -> ColumnMapping | None:
    if path is None:
        return None
    # Verbs that read no recording are spared the import.
    from producers.recordings.mapping.specification import load

    return load(path)


def mapping_option(function: Decorated) -> Decorated:
    """Add `--mapping FILE`, which is read and checked at once."""
    return click.option(
        "--mapping",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_loaded,
        metavar="FILE",
        help="What the columns of your own files mean, as `recordings --describe` writes it; tried before the known formats.",
    )(function)
