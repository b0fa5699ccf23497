"""The domain: ticks, the steps that judge them, and what they report.

Everything here is a pure function of its arguments. Stage 1 (`channel`, `feeds`) checks a channel's numbering, clocks and
liveness; stage 2 (`shard`, with `rules`, `features` and `instrument`) judges each tick against its instrument's history and
the other venues. The rooms build on each other in one direction:

    ticks < findings < instrument | reference | wire < channel | rules < features | feeds < shard

May use numpy, numba, pyarrow, msgspec, pydantic and exchange_calendars. May not use Kafka, Flink, scikit-learn or pandas, and
does no I/O except for the cache of compiled kernels (`kernel_cache`).
"""
