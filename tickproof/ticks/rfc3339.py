"""Times and durations as text for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tickproof.ticks.schema import NS_PER_SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(time_ns: int, digits: int = 3) -> str:
    """Format ns since the epoch as RFC 3339 in UTC, cut to so many decimals (0 to 9); years past 9999 as the number of ns."""
    seconds, rest = divmod(time_ns, NS_PER_SECOND)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{time_ns} ns"
    fraction = f".{rest:09d}"[: digits + 1] if digits else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def span(duration_ns: float) -> str:
    """Format a duration in ns with three digits, in the largest unit in which it is 1 or more."""
    size = abs(duration_ns)
    for unit, length in (("d", 86_400e9), ("h", 3_600e9), ("min", 60e9), ("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if size >= length:
            return f"{duration_ns / length:.3g} {unit}"
    return f"{duration_ns:.3g} ns"
