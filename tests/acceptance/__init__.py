"""Everything that must hold, in full: every tick once, parity, kills, hostile payloads, a million mutations, kernels' bounds.

Run by `make acceptance` alone; a run of all tests leaves this folder out. Each test is a larger edition of one in `tests/flink`
or `tests/offline`, built from the same `tests/support` modules, so that both say the same thing of a stream.

May use `broker`, `flink`, `prefix` and `data`, and `figures`: a test appends to it a line of what it measured, and the lines
are printed at the end of the run.
"""
