"""Codes of time: venue clocks, latency, and ticks that arrive too late."""

from __future__ import annotations

from tickproof.codes.code import Advice, Check, Class, Code, Labels, Plot, Quality, Scope, Severity, Stage

_STAMPS = (Check(Stage.CHANNEL, "tickproof.channel.clocks.offset:check_clock"),)
_SHIFTS = Check(Stage.CHANNEL, "tickproof.channel.clocks.shift:follow_shift")

CODES = (
    Code(
        bit=29,
        name="time_implausible",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.WARNING,
        quality=Quality.CORRUPT,
        unit="ns",
        labels=Labels("ahead of capture", "limit", ""),
        meaning="venue time in the future or far in the past",
        how="the venue time is more than 1 s after the capture time or more than an hour before it, net of an offset of the "
        "clock that is known",
        checks=_STAMPS,
        advice=Advice(
            why="The venue's time stamp is in the future, or more than an hour back.",
            action="Use the capture time for this tick, and check the clock and the date of the sender.",
            innocent="",
        ),
        plot=Plot.LATENCY,
    ),
    Code(
        bit=30,
        name="clock_offset",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.SUSPECT,
        unit="ns",
        labels=Labels("behind capture", "limit", "usual lag"),
        meaning="the venue's clock is off by a constant",
        how="8 messages in a row of several symbols (4 if that takes half a second, 24 of one symbol) agree on a new lag that "
        "is below the lowest so far, grew faster than time passed, or is beyond 1 s ahead or an hour behind; or for 12 s and 5 "
        "blocks of messages the lowest lag is off by one amount, 300 µs at least, with a chance of e^-11 and less; "
        "or venue and capture time are a power of 1 000 apart, each message by itself",
        checks=(*_STAMPS, _SHIFTS),
        advice=Advice(
            why="Venue time and capture time differ by a constant: a time zone, daylight saving, milliseconds read as "
            "microseconds.",
            action="Correct the offset in the feed handler, and do not join this feed by venue time.",
            innocent="",
        ),
        plot=Plot.LATENCY,
    ),
    Code(
        bit=31,
        name="clock_drift",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="ns/s",
        labels=Labels("drift", "", ""),
        meaning="the lag of the venue's clock grows or shrinks steadily",
        how="over 8 or 16 seconds the lowest lag of each second moves the same way by at least 100 µs and far beyond its "
        "scatter, at no more than 20 ms a second; or for 30 s and 10 blocks of messages it moves on a line, 300 µs at least",
        checks=(Check(Stage.CHANNEL, "tickproof.channel.clocks.drift:close_second"), _SHIFTS),
        advice=Advice(
            why="The difference between venue time and capture time changes steadily.",
            action="Check time synchronisation on both sides.",
            innocent="A queue that builds up while the time stamps are right.",
        ),
        plot=Plot.LATENCY,
    ),
    Code(
        bit=32,
        name="latency_spike",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.GOOD,
        unit="ns",
        labels=Labels("latency", "limit", "usual 99 %"),
        meaning="messages arrive late",
        how="3 messages in a row have a latency of more than 8 times the channel's 99th percentile and 50 ms above it",
        checks=(Check(Stage.CHANNEL, "tickproof.channel.latency:check_latency"),),
        advice=Advice(
            why="Messages took much longer than the 99th percentile of this channel.",
            action="Look at network and consumers at this time; prices were old when they arrived.",
            innocent="A burst of news that queues everywhere.",
        ),
        plot=Plot.LATENCY,
    ),
    Code(
        bit=42,
        name="late_tick",
        scope=Scope.CHANNEL,
        class_=Class.INFORMATION,
        severity=Severity.INFO,
        quality=Quality.GOOD,
        unit="ns",
        labels=Labels("behind event time", "limit", ""),
        meaning="a tick that arrived behind the watermark",
        how="the capture time is below the channel's event time by more than the setting `out_of_orderness_ms`",
        checks=(Check(Stage.CHANNEL, "tickproof.channel.check_frame:_check_order"),),
        advice=Advice(
            why="The tick arrived further behind its channel's event time than the job waits.",
            action="Nothing, if it is rare; otherwise allow more out-of-orderness.",
            innocent="",
        ),
        plot=Plot.LATENCY,
    ),
    Code(
        bit=44,
        name="time_unit",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.SUSPECT,
        unit="times",
        labels=Labels("factor too small", "", ""),
        meaning="times are in another unit than nanoseconds",
        how="a venue's time is within 26 hours of its capture once it is multiplied by 1 000, 1 000 000 or 10^9; of a recording "
        "also capture times that are of 1990 to 2100 then, where all others of a batch are right as they are",
        checks=(*_STAMPS, Check(Stage.READING, "producers.recordings.arrival.mending:mended")),
        advice=Advice(
            why="Milliseconds, microseconds or seconds stand where nanoseconds belong.",
            action="Correct the writer, or multiply the column by the factor; do not use these times before.",
            innocent="",
        ),
    ),
    Code(
        bit=45,
        name="capture_clock",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.GOOD,
        unit="ns",
        labels=Labels("ahead of the clock before", "", ""),
        meaning="the clock by which a recording was captured was set",
        how="from one message to the next the lags of all channels move by one amount, half a second at least, and stay there; "
        "back, capture times go back, too; ahead, two channels agree. Found in recordings alone",
        checks=(Check(Stage.READING, "producers.recordings.arrival.mending:mended"),),
        advice=Advice(
            why="The recorder's clock was set while it recorded: capture times before and after do not fit together.",
            action="Look at the recorder's time synchronisation; captures after the step are judged by the clock before it.",
            innocent="A correction by the time service after the recorder's start.",
        ),
        plot=Plot.RATE,
    ),
)
