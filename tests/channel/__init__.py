"""Stage 1, one channel's integrity: numbering, event time, silence, clocks, latency, bursts, rate and mix, routing.

Streams are written on a `Tape` and run by `tests.support.streams.check` (the channel's stage alone) or `score` (the whole
engine). Each fault has its innocent twin beside it: what looks like it and is none. Every module holds that results do not
depend on where the input was cut.

Uses no service and no fixture but pytest's own.
"""
