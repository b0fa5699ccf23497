"""Payload <-> ticks: Arrow frames and JSON ticks.

A decoder fails only when bytes are not ticks; a negative price is a tick, and judged by a rule. What it raises, WireError, says
what is wrong, where, what was found and what was expected; its `schema_changed` tells whole bytes of another schema from broken
ones. Limits are checked on what a payload claims, before anything is allocated.

    frame.py        ticks <-> Arrow frames, and the frames of ticks.scored
    message.py      the messages of an Arrow stream, measured against the limits
    flatbuffer.py   the few reads that takes
    json_tick.py    ticks <-> JSON
    json_fields.py  the fields of JSON payloads, and why a payload has none
    json_text.py    texts of numbers and times -> integers, compiled
    headers.py      what is said beside the value; which of the two a payload is
    limits.py
"""

from tickproof.wire.content_type import FRAME_CONTENT_TYPE, JSON_CONTENT_TYPE, detect, undetected
from tickproof.wire.frame import Payload, decode_frame, decode_scored, encode_frame
from tickproof.wire.json_tick import JsonBatch, decode_json, encode_json

__all__ = [
    "FRAME_CONTENT_TYPE",
    "JSON_CONTENT_TYPE",
    "JsonBatch",
    "Payload",
    "decode_frame",
    "decode_json",
    "decode_scored",
    "detect",
    "encode_frame",
    "encode_json",
    "undetected",
]
