"""The Flink job: its graph and tables, the shells of the two stages, clusters, submission and REST.

Decides operators and their uids, options of the runtime, how a job is submitted to an embedded or a session cluster, and what a
person is told of a Java stack trace. The functions move bytes, state and timers; what they do with them is `pipeline`'s.

The only room that imports pyflink. May use `kafka`, `offline`, `pipeline` and `services`.
"""
