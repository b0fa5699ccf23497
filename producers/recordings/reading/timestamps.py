"""Times as texts -> ns since the epoch, exact."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tickproof.ticks.schema import NS_PER_SECOND

_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def nanoseconds(text: str) -> int:
    """An RFC 3339 time, UTC where it names no offset.

    Raises
    ------
    ValueError
        It is none, or does not exist.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"found {text!r}, expected a time like 2021-04-17T16:43:30.244075Z")
    day, time, fraction, offset = found.groups()
    moment = datetime.fromisoformat(f"{day}T{time}{offset or 'Z'}").astimezone(UTC)
    return int(moment.timestamp()) * NS_PER_SECOND + int((fraction or "").ljust(9, "0"))
