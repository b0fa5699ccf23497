"""Readers of US equity recordings: NYSE TAQ, LEAN, LOBSTER, IEX TOPS captures.

Decides how rows and packets become ticks, what sale and quote conditions mean, and which time zone a file's clock has.

May use `reading`, `producers.streams` and `tickproof`.
"""
