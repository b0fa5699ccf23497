"""Mappings: what they say, what they read exactly, what they count, and what is guessed.

Expected values are worked out by hand or with Python's own decimals and dates, never by the engine that is tested. Real samples
are read from the shared folders, and skipped where those are absent.

May use `tests.support`.
"""
