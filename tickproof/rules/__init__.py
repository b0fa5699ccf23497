"""Rules: facts about single ticks that need no model, and what finalizes them once the lookahead is over.

Decides, with compiled functions, whether a message, price, size or side is wrong or only unusual, and names the cause where it
shows: a digit error, a flipped bit, swapped fields, another symbol. A causal check says what was known at release; finalizing
sees the instrument and the other venues up to event time + lookahead.

Thresholds, bits and the record of one tick's context are in `table`. May use `ticks`, `findings` and `instrument`; the order in
which rules run is the shard's.
"""
