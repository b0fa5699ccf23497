"""A tick as a person reads it: the columns that it carries, verbatim, and where it came from."""

from __future__ import annotations

from tickproof.ticks.schema import NAMES, NULLABLE, ROW, SCHEMA, Ticks

_FIELD = {name: k for k, name in enumerate(ROW.names or ())}
_BIT = {name: int(bit) for name, bit in NULLABLE.items()}


def verbatim(ticks: Ticks, row: int) -> dict[str, object]:
    """The tick's columns, nulls left out; integers as they are."""
    record = ticks.rows[row].item()
    present = record[_FIELD["present"]]
    out: dict[str, object] = {}
    for name in SCHEMA.names:
        value = record[_FIELD[name]]
        if name in NAMES:
            value = ticks.name(value)
        elif name in _BIT and not present & _BIT[name]:
            value = None
        if value is not None:
            out[name] = value
    return out


def of_tick(ticks: Ticks, row: int) -> dict[str, object]:
    """Evidence of a finding about one tick."""
    record = ticks.rows[row]
    origin = {"partition": int(record["partition"]), "offset": int(record["offset"]), "row": int(record["row"])}
    return {"tick": verbatim(ticks, row), "origin": origin}
