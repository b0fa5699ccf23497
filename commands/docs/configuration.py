"""`docs/configuration.md`: every setting with its type, default, range, environment variable and meaning."""

from __future__ import annotations

from typing import get_args

from pydantic.fields import FieldInfo

from commands.configuration import FILE
from commands.docs.markdown import NOTICE, table
from tickproof.settings import PREFIX, Settings

HEADER = ("setting", "type", "default", "range", "environment variable", "meaning")
BOUNDS = (("ge", "≥ {}"), ("gt", "> {}"), ("le", "≤ {}"), ("lt", "< {}"), ("min_length", "length ≥ {}"), ("pattern", "`{}`"))
"""Attributes of a field's constraints, and how each is written."""
INTRODUCTION = f"""# Configuration

{NOTICE.format(source="tickproof/settings.py")}

A setting has a default. `{FILE}` in the current folder overrides it (`{PREFIX}SETTINGS` names another file), an environment
variable overrides the file, and an option of a command overrides all of them. `tickproof settings` prints the values in force and
where each comes from. An unknown name or a value outside its range is an error that lists everything that is wrong.

"""
AFTER = f"""
`{PREFIX}CACHE` is the folder of the fetched jars. It and `{PREFIX}SETTINGS` are read from the environment alone.

## A file

```toml
brokers = "10.0.0.7:9092"
prefix = "equities."
idle_after_s = 0
```

## Which settings change results

`shards`, `out_of_orderness_ms`, `lookahead_ms`, `threshold`, `model` and `reference` are part of the results: two runs with
different values may differ in verdicts. All the others are not; `parallelism` in particular changes speed alone.
"""


def page() -> str:
    """Return the page."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return INTRODUCTION + table(HEADER, rows) + AFTER


def _row(name: str, field: FieldInfo) -> tuple[str, ...]:
    default = "" if field.default is None else str(field.default)
    shown = f"`{default}`" if default else "not set"
    return (f"`{name}`", _type(field), shown, _range(field), f"`{PREFIX}{name.upper()}`", field.description or "")


def _type(field: FieldInfo) -> str:
    """Return the name of the field's type, without None."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    names = {"str": "text", "int": "integer", "float": "number", "Path": "path"}
    return " or ".join(names[kind.__name__] for kind in kinds)


def _range(field: FieldInfo) -> str:
    """Return what values are allowed; empty for any value of the type."""
    said = [
        text.format(value)
        for constraint in field.metadata
        for name, text in BOUNDS
        if (value := getattr(constraint, name, None)) is not None
    ]
    return ", ".join(said)
