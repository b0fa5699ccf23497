"""`tickproof inject`: labelled faults in a recording, so that what is found can be measured on one's own feed.

Decides which faults are asked for, and what is written beside the ticks: their labels, and reference data that say of each
channel what its sequence numbers mean, because the files that the ticks are written to imply nothing of it.

May use `producers`, `jobs` and the folder of a stream as `tickproof simulate` writes it.
"""
