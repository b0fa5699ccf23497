"""Findings: codes, events of compiled steps, and how events become findings, rows of statistics and incidents.

Decides which events belong to one finding, when a finding gets a new revision or closes, what its stable id is, and how two runs
are compared. Whether a tick is wrong is decided elsewhere; this room only records it.

May use `ticks`. Rules, channels and shards report to it; it never calls them.
"""
