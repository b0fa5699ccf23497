"""What readers of recordings share: decompression, blocks of CSV, time stamps, names, tallies, books of levels.

Decides how text becomes integers without a float in between, how rows that are no ticks are counted, and how a top of book
follows from changes of its levels. Knows no vendor's format.

May use `producers.streams` and `tickproof`.
"""
