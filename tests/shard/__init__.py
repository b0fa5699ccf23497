"""Stage 2, one shard of symbols: features, windows, levels, silence of symbols, verdicts, and its versions of state.

Every feature is held against a definition in plain Python (`tests.support.plain_features`), every rolling statistic against
numpy at every prefix, window bounds on the boundary itself. A step works on a copy: an older version of a table keeps its rows.

Uses no service and no fixture but pytest's own.
"""
