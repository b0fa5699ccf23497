"""Stage 1: the integrity of one channel, in arrival order.

`step.step` takes a channel's state and its next ticks, and returns them stamped with position, event time and reasons, with
findings and a row of statistics a second. `check_frame` is the compiled pass behind it; each of the ideas that it goes through
has a module: event time, sequence numbers, liveness, the venue's clock, latency, bursts. `routing` says which shard scores a
tick, and `control_rows` are what the shards are told about channels.

The room decides what one channel alone can show: it knows no other channel and no price history. It may use `findings`,
`reference`, `ticks`, and the threshold of silences from `instrument`.
"""
