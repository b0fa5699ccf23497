"""Codes of payloads that cannot be read as ticks."""

from __future__ import annotations

from tickproof.codes.code import NO_VALUES, Advice, Check, Class, Code, Quality, Scope, Severity, Stage

_DECODERS = (
    Check(Stage.DECODING, "tickproof.wire.frame:decode_frame"),
    Check(Stage.DECODING, "tickproof.wire.json_tick:decode_json"),
)

CODES = (
    Code(
        bit=0,
        name="payload_unreadable",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.GOOD,
        unit="messages",
        labels=NO_VALUES,
        meaning="a payload that cannot be decoded: truncated, damaged, or with a wrong checksum",
        how="the bytes are no whole Arrow stream or JSON object, a value does not fit its column, or a header disagrees with "
        "them (CRC-32C, rows, channel, first sequence number)",
        checks=_DECODERS,
        advice=Advice(
            why="The bytes of a message could not be decoded: cut off, changed on the way, or with a checksum that does not "
            "agree.",
            action="Read the reason on the dead letter, and have the producer send the message again.",
            innocent="The last record of a capture that was cut off.",
        ),
    ),
    Code(
        bit=1,
        name="schema_changed",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.GOOD,
        unit="messages",
        labels=NO_VALUES,
        meaning="a column added, removed or retyped",
        how="the message is whole, but a column or field is missing, unknown or of another type, or the schema has another "
        "version",
        checks=_DECODERS,
        advice=Advice(
            why="A message was whole, but its columns are not the ones agreed on: one is missing, new, or of another type.",
            action="Find out who released a new producer, and hold consumers back until both sides agree.",
            innocent="A new version that was announced.",
        ),
    ),
)
