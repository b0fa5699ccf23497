"""Evidence of a finding: a tick's columns, verbatim, and where it was read from."""

from __future__ import annotations

from tickproof.ticks.schema import NAMES, NULLABLE, ROW, SCHEMA, Ticks

_FIELD = {name: k for k, name in enumerate(ROW.names or ())}
_BIT = {name: int(bit) for name, bit in NULLABLE.items()}


def verbatim(ticks: Ticks, row: int) -> dict[str, object]:
    """Return a tick's columns without its nulls; times in ns, prices and sizes in units of 1e-9."""
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
    """Return the evidence of a finding about one tick: the tick, and its partition, offset and row."""
    record = ticks.rows[row]
    origin = {"partition": int(record["partition"]), "offset": int(record["offset"]), "row": int(record["row"])}
    return {"tick": verbatim(ticks, row), "origin": origin}
