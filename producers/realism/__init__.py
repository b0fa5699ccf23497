"""How believable a stream is: stylised facts, measured on simulated and recorded streams alike.

Decides what is observed of a stream (returns, arrivals, spreads, order signs), how each published fact is measured on it, and the
range that a believable market keeps to. Used by tests, comparisons and documents; nothing at run time depends on it.

May use `simulation`, `faults.editing`, `market` and `tickproof`.
"""
