"""Ticks, their order, sessions, reference data and settings; payloads to ticks and back.

Frames and JSON give back what went in, whatever a producer chose within the contract, and refuse everything else with one line
that names what is wrong and where, before anything large is allocated. Python's decimal and datetime are the definitions of
numbers and times; hypothesis draws the ticks (`tests.support.wire_ticks`).

Uses no service and no fixture but pytest's own.
"""
