"""Findings from their first revision to their last: codes, the tracker, incidents, labels, statistics of a second.

Holds that ids and revisions follow from positions of ticks alone, so that two runs of one stream can be compared; that every
member is counted once; and that statistics are what a groupby of the scored ticks gives.

May use `shared` for the taxonomy that codes are held against. No service.
"""
