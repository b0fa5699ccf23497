"""A tick as a person reads it: the columns that it carries, verbatim, and where it came from."""

from __future__ import annotations

from tickproof.tick import NAMES, NULLABLE, SCHEMA, Ticks


def verbatim(ticks: Ticks, row: int) -> dict[str, object]:
    """The tick's columns, nulls left out; integers as they are."""
    record = ticks.rows[row]
    out: dict[str, object] = {}
    for name in SCHEMA.names:
        if name in NAMES:
            value: object = ticks.name(int(record[name]))
        elif name in NULLABLE and not record["present"] & NULLABLE[name]:
            value = None
        else:
            value = int(record[name])
        if value is not None:
            out[name] = value
    return out


def of_tick(ticks: Ticks, row: int) -> dict[str, object]:
    """Evidence of a finding about one tick."""
    record = ticks.rows[row]
    origin = {"partition": int(record["partition"]), "offset": int(record["offset"]), "row": int(record["row"])}
    return {"tick": verbatim(ticks, row), "origin": origin}
