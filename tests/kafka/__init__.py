"""Clients of topics against a real broker: its life as a service, topics and their settings, `audit`, `watch`.

Holds that what is wrong is one line that says what to do, that a broker ends with whoever started it and keeps its data, and
that the audit counts every tick and record once, lost and surplus ones by channel.

May use `broker` and `prefix`: a topic's name begins with the test's own prefix.
"""
