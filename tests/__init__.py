"""Tests, in folders as the packages are: a test of `tickproof/channel/…` is in `tests/channel`, named for its module.

A test compares with a plain definition or with a value worked out by hand, never with a copy of the output. It says first that
there is something to find. It does not sleep, asserts nothing about time, and shares no port, folder or topic with another
test.

`conftest.py` has the fixtures for all folders and sets the markers `broker`, `flink` and `shared` by them. `slow` is set by
hand on what takes more than ten seconds. `make test-fast` leaves out all four, `make test` none. Streams and plain definitions
that several folders use are in `tests/support`.
"""
