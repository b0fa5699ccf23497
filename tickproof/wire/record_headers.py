"""Headers and key of a Kafka record: content type, checksum, row count, channel and first sequence number of its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import google_crc32c

from tickproof.errors import WireError

FRAME_CONTENT_TYPE = "application/vnd.apache.arrow.stream"
JSON_CONTENT_TYPE = "application/json"

CONTENT_TYPE = "content-type"
CHANNEL = "channel"
FIRST_SEQUENCE = "first-sequence"
ROWS = "rows"
CRC32C = "crc32c"

_ENCODINGS: dict[str, Literal["frame", "json"]] = {FRAME_CONTENT_TYPE: "frame", JSON_CONTENT_TYPE: "json"}
_BLANKS = 256
"""How far to look for the first character of JSON."""

Headers = Mapping[str, bytes | None]
"""Headers of a record; one that is null counts as absent, since the connector drops it."""


def content_type(headers: Headers) -> str | None:
    """Return the media type in lower case without its parameters, or None without a content type."""
    found = headers.get(CONTENT_TYPE)
    return None if found is None else found.decode("latin-1").partition(";")[0].strip().lower()


def crc32c(value: bytes) -> bytes:
    """Return the CRC-32C of `value` as 8 lower-case hexadecimal digits."""
    return b"%08x" % google_crc32c.value(value)


def detect(value: bytes | None, headers: Headers) -> Literal["frame", "json"] | None:
    """Return the encoding of a payload, by its content type or else its first bytes; where None, `undetected` says why."""
    named = content_type(headers)
    if named is not None:
        return _ENCODINGS.get(named)
    if value is None:
        return None
    if value.startswith(b"\xff\xff\xff\xff"):
        return "frame"
    return "json" if value[:_BLANKS].lstrip(b" \t\r\n").startswith(b"{") else None


def undetected(value: bytes | None, headers: Headers) -> WireError:
    """Return why `detect` found no encoding."""
    if value is None:
        return WireError("found a tombstone (a null value), expected a frame or a JSON tick")
    if not value:
        return WireError("found an empty value, expected a frame or a JSON tick")
    expected = " or ".join(_ENCODINGS)
    if content_type(headers) is not None:
        return WireError(f"header {CONTENT_TYPE}: found {excerpt(headers[CONTENT_TYPE])}, expected {expected}")
    return WireError(
        f"byte 0: found {excerpt(value, 16)}, expected ffffffff of an Arrow stream or {{ of JSON, or header {CONTENT_TYPE}"
    )


def check_content_type(headers: Headers, expected: str) -> None:
    """Raise WireError if there is a content type and it is not `expected`."""
    found = content_type(headers)
    if found is not None and found != expected:
        raise WireError(f"header {CONTENT_TYPE}: found {excerpt(headers[CONTENT_TYPE])}, expected {expected}")


def check_crc32c(value: bytes, headers: Headers) -> None:
    """Raise WireError if there is a checksum and `value` has another."""
    found = headers.get(CRC32C)
    if found is None:
        return
    expected = crc32c(value)
    if found != expected:
        raise WireError(
            f"header {CRC32C}: found {excerpt(found)}, expected {expected.decode()} of the {len(value)} bytes; "
            "they were changed on the way, or the header is another's"
        )


def check_header(headers: Headers, name: str, expected: bytes | None) -> None:
    """Raise WireError if header `name` is there and differs from what the value has (None: the value has no such thing)."""
    found = headers.get(name)
    if found is not None and found != expected:
        raise WireError(f"header {name}: found {excerpt(found)}, expected {excerpt(expected)}, as in the value")


def check_key(key: bytes | None, channel: str) -> None:
    """Raise WireError if there is a key and it is not `channel`."""
    if key is not None and key != channel.encode():
        raise WireError(f"key: found {excerpt(key)}, expected the channel, {excerpt(channel)}")


def excerpt(found: bytes | str | None, limit: int = 48) -> str:
    """Return what was found in quotes, on one line, cut to `limit` bytes or characters."""
    if found is None:
        return "nothing"
    shown = repr(found[:limit]).removeprefix("b")
    return shown if len(found) <= limit else f"{shown}… of {len(found)} {'bytes' if isinstance(found, bytes) else 'characters'}"
