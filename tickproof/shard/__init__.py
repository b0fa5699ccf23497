"""Stage 2: one shard of symbols, ordered by event time.

Decides verdicts: which rules and features run on a tick and in which order, what the model's score adds, the causal verdict at
release and the final verdict after the lookahead, and what becomes a finding. `step` is the entry point:
`(state, ticks, horizon) -> state, verdicts, findings, rows a second`.

The top room: may use all others of the domain. State is copied by the rows that a step touches, so that a failed step leaves the
old state whole.
"""
