"""How good verdicts and findings are, measured against labels as the design defines it.

Decides which episodes are found, what is a false alarm, when a genuine event was called corrupt, the recall at a rate of false
alarms, and the intervals of all these. Compares published cleaners on the same streams.

May use `baselines` and `tickproof`. Sees scored runs and labels, never a model.
"""
