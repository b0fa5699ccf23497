"""The means to change a block of simulated ticks: copies, edits by row, episodes and their labels.

Decides how an edit keeps the stream in order and what of the untouched block a fault may look at. Knows no kind of fault.

May use `market` and `streams`.
"""
