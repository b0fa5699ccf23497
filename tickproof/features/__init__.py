"""Features: what the model sees of a tick.

Decides how each column of the feature matrix is computed, from what was known before the tick: first a tick is measured, then its
instrument, symbol, peer group and market learn from it. `table` fixes names, units and order of the columns.

May use `ticks`, `instrument` and the context records of `rules`. Knows no model and no scikit-learn.
"""
