"""The state of one instrument: one symbol on one venue.

Decides what is usual for it: the level and scale of its prices, its spread, its activity by time of day, and how long it may be
silent. A value that a rule rejects does not move this state; a new level is accepted after it holds.

Both stages use these kernels. May use `ticks` and `findings`.
"""
