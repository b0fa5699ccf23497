"""Ordered streams of ticks, whatever their source.

Decides the order of several merged streams, where capture heartbeats go, which partition a key belongs to, and how far a reader
may run ahead of its consumer. Order and content never depend on batch sizes or threads.

The lowest room of `producers`: uses `tickproof.ticks` only.
"""
