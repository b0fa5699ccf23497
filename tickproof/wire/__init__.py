"""Payload <-> ticks: Arrow frames and JSON ticks.

A decoder fails only when bytes are not ticks; a negative price is a tick, and left to the rules. It raises WireError, which says
what is wrong, where, what was found and what was expected; its `schema_changed` separates intact bytes of another schema from
broken ones. Limits are checked on what a payload claims, before anything is allocated. May use ticks and findings.

    frame            ticks <-> Arrow frames, and the frames of ticks.scored
    verdicts         the frames of ticks.verdicts
    arrow_message    the messages of an Arrow stream, measured against the limits; flatbuffer reads their metadata
    json_tick        ticks <-> JSON
    json_batch       the fields of a batch of JSON payloads, and the reason for each payload without
    json_numbers     texts of numbers and times -> integers, compiled; json_decimal, json_time and json_digits are its phases
    record_headers   the headers and the key of a Kafka record against its value; whether a payload is a frame or JSON
    limits           how large a payload may be
"""

from tickproof.wire.frame import Payload, decode_frame, decode_scored, encode_frame
from tickproof.wire.json_tick import JsonBatch, decode_json, encode_json
from tickproof.wire.record_headers import FRAME_CONTENT_TYPE, JSON_CONTENT_TYPE, detect, undetected

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
