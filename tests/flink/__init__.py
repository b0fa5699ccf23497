"""The job in a real mini-cluster and on a real session cluster: every tick once, with the engine's verdicts, whatever fails.

What the job wrote is read back from its topics and compared field by field with the local engine by `tests.support.job_run`;
how a stream is sent, interrupted and broken is in `tests.support.kill_guarantees`. `make acceptance` runs the same on whole
days.

May use `broker`, `flink`, `prefix` and `data`; a test that starts a job, a cluster or the demonstration uses `flink`. What
needs none of them, such as the REST client against canned answers, runs in `make test-fast` as well.
"""
