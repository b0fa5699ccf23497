"""Types of options that several verbs take."""

from __future__ import annotations

from datetime import UTC, datetime

import click


class Speed(click.ParamType[float]):
    """A speed: `recorded`, `max`, or a factor on the recorded one."""

    name = "speed"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the factor; infinity for `max`."""
        words = {"recorded": 1.0, "max": float("inf")}
        try:
            speed = words.get(str(value)) or float(str(value).removeprefix("x"))
        except ValueError:
            speed = 0.0
        if not speed > 0:
            self.fail(f"found {value!r}, expected recorded, max, or a positive number like 10 or 0.5", param, ctx)
        return speed


class Moment(click.ParamType[int]):
    """A time: RFC 3339 (UTC without an offset), or ns since the epoch."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return ns since the epoch."""
        text = str(value)
        if text.lstrip("-").isdigit():
            return int(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"found {text!r}, expected a time like 2013-10-07T13:30:00Z, or ns since the epoch", param, ctx)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        whole = moment.replace(microsecond=0)
        return int(whole.timestamp()) * 10**9 + moment.microsecond * 1_000
