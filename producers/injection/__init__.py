"""Labelled faults in recorded ticks, so that what is found can be measured on anybody's own feed.

A first pass over the recording learns what faults need to know of it (`feed`): names, price steps, which venues cross, when
nothing was recorded. The second one (`injected_recording`) puts faults and genuine twins of `producers.faults` into it block by
block, and `numbering` counts on over what was added and taken away, so that only faults of numbering show in numbers.

May use `faults`, `market`, `streams` and `tickproof`; it is given ticks, and knows no format.
"""
