"""Stage 1: one channel's integrity, in arrival order.

Decides, from a channel's own messages, whether sequence numbers are missing, repeated, out of order or reset; what event time is;
whether the venue's clock is off; how late messages are; whether the channel is silent or floods; and which shard scores a tick.
Prices are not looked at here. `step` is the entry point: `(state, ticks) -> state, stamped ticks, findings, rows a second`.

Each idea is one module; one compiled pass over a frame's ticks calls them in turn. May use `ticks`, `findings`, `reference`, and
the rule of silence that it shares with `instrument`.
"""
