"""The tick: its schema, its form as Arrow columns and as records, and the order in which a shard takes ticks.

Decides what a column means, its unit and which values are null; how columns become the structured array that kernels read;
and when a tick that waits for earlier ones may leave. Judges nothing: a negative price is a tick here.

The lowest room. May use numpy, numba and pyarrow, and nothing else of the project but the kernel decorator.
"""
