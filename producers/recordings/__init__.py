"""Readers of recorded feeds: one entry a format in `registry`.

Decides which format a file has, how its rows become ticks in the file's order, what the format implies of its channels (numbers,
sides), and how a row that is no tick is counted, with a reason. Nothing is judged: a wrong price is read as it stands.

A vendor's readers have a room each (`crypto`, `databento`, `us_equities`); what readers share is in `reading`. May use
`streams` and `tickproof`.
"""
