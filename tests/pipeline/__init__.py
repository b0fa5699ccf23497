"""The engine as a whole: what results may depend on, and what they may not.

Frames, slices, shards, the order of channels, capture heartbeats, names and origins change no verdict, finding or statistic;
every tick comes out once; the journal and the bytes of ticks give back what went in. `tests/flink` holds the job against this
engine.

The streams `stream` and `whole` are made once for a module and are not written to. Uses no service.
"""
