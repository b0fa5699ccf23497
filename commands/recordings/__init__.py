"""`tickproof recordings`: what recorded feeds hold, and what the columns of a file that nobody knows are.

Decides what is listed of a file, when the exit status tells that something is wrong with it, and how a guess about its columns is
shown: as three ticks, doubts, and a mapping that other commands take.

May use `producers`.
"""
