"""The channel of a raw record: its key, or what its header or its payload says where it has none."""

from __future__ import annotations

from collections.abc import Mapping

from tickproof.errors import WireError
from tickproof.wire import decode_frame, decode_json, detect

UNKNOWN = ""


def channel_of(key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> str:
    """The channel that a record belongs to, `UNKNOWN` where nothing tells. Bytes that are no text are escaped."""
    named = key if key is not None else headers.get("channel")
    if named is not None:
        return named.decode("utf-8", "backslashreplace")
    try:
        encoding = detect(value, headers)
        if encoding == "frame":
            ticks = decode_frame(value, headers)
        elif encoding == "json":
            ticks = decode_json([value]).ticks
        else:
            return UNKNOWN
    except WireError:
        return UNKNOWN
    return ticks.names[ticks.rows["channel"][0]] if len(ticks) else UNKNOWN
