"""Reference data: what a person knows of channels and instruments beforehand, so that it need not be learnt.

Decides how entries are read and checked, which defaults hold where an entry is missing, when a venue is open, and how all of it
is laid out as arrays for kernels. Reference data are optional everywhere.

May use `ticks` and `findings`. Reading the file itself is left to the caller.
"""
