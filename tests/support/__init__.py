"""What tests of several folders share: streams, plain definitions, samples of formats, runs of the job. No tests.

`streams` writes feeds and runs the channel's stage and the engine; `rule_streams`, `tied_streams` and `channel_streams` build
on it. `plain_features` and `hand_counted` are definitions to compare with. `job_run` and `kill_guarantees` publish, run Flink
and compare flows; `fuzz` and `hostile_payloads` break input.

What runs a stream says itself that all of it came out, and what compares two refuses to compare nothing with nothing.
"""
