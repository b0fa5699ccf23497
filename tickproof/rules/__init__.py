"""Rules: facts about single ticks that need no model, and what finalizes them once the lookahead is over.

Decides, with compiled functions, whether a message, price, size or side is wrong or only unusual, and names the cause where it
shows: a digit error, a flipped bit, swapped fields, another symbol. A causal check says what was known at release; finalizing
sees the instrument and the other venues up to event time + lookahead.

Bits and wording are those of `tickproof.codes`, the record of one tick's moment is in `context`. May use `ticks`, `findings` and
`instrument`; the order in which rules run is the shard's.
"""

VERSION = "5"
"""The version of the rules, which every verdict and finding carries: a change of a result raises it."""
FITTING_MODELS = ("3", "4", VERSION)
"""Versions under which a model may have been trained: 4 adds findings of silence, standstill and clocks, 5 changes when a venue
that is alone is believed and which sizes a model may call wrong; neither changes a feature."""
