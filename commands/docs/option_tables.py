"""`commands/options/tables.json`: the names that options offer, from the tables that the code runs on."""

from __future__ import annotations

import json

from producers.faults.table import FAULTS, SLOW
from producers.market.profiles import DEFAULT, PROFILES
from producers.recordings.formats import RECORDINGS
from reports.html import INCIDENTS_SHOWN
from tickproof.settings import REMOVED, Settings


def page() -> str:
    """Return the text of the file."""
    tables = {
        "profiles": list(PROFILES),
        "default_profile": DEFAULT,
        "faults": [*FAULTS, *SLOW],
        "formats": {one.name: one.meaning for one in RECORDINGS},
        "settings": {name: field.description or "" for name, field in Settings.model_fields.items()},
        "removed_settings": REMOVED,
        "incidents_shown": INCIDENTS_SHOWN,
    }
    return json.dumps(tables, indent=1, ensure_ascii=False) + "\n"
