"""Names that options offer and help lists, without the tables that they are from: those take seconds to import.

`tables.json` is made by `tickproof docs`, from profiles, faults, formats and settings; a test holds it to them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")

_TABLES: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))

PROFILES: tuple[str, ...] = tuple(_TABLES["profiles"])
"""Kinds of market that can be simulated."""
DEFAULT_PROFILE: str = _TABLES["default_profile"]
FAULTS: tuple[str, ...] = tuple(_TABLES["faults"])
"""Faults and genuine twins that a stream can be given, slow ones too."""
FORMATS: dict[str, str] = _TABLES["formats"]
"""Recording format -> one line."""
SETTINGS: dict[str, str] = _TABLES["settings"]
"""Setting -> what it means."""
REMOVED: dict[str, str] = _TABLES["removed_settings"]
"""Setting of an earlier version -> why it is gone."""
INCIDENTS_SHOWN: int = _TABLES["incidents_shown"]
"""Incidents that a report shows in full unless told otherwise."""
