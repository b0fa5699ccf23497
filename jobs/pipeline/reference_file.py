"""Reading reference data from a file, JSON or TOML."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from tickproof.errors import SettingsError
from tickproof.reference.data import NOTHING, Reference, parse


def load(path: Path | None) -> Reference:
    """The reference data in a file; nothing for None.

    Raises
    ------
    SettingsError
        The file cannot be read, is neither JSON nor TOML, or says something wrong; everything that is wrong is listed.
    """
    if path is None:
        return NOTHING
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"reference {path}: {reason}; mend the setting `reference`") from error
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise SettingsError(f"reference {path} is not {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from error
    if not isinstance(data, dict):
        raise SettingsError(f"reference {path}: found a {type(data).__name__} at the top, expected a table")
    return parse(data, f"reference {path}")
