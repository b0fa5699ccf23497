"""Where the processor time of a tick goes, step by step: `python -m bench.performance` writes `docs/performance.md`.

    steps.py      a clock for each step, put around the functions that do it
    runs.py       what is measured
    __main__.py   the page

The local engine is measured as it is. Of the job, what Python does to a frame is done here without Flink: decoding, the channel
stage, packing for the way to the shard, the shard stage, encoding. What Java, Beam and the broker add is the case `job_frames` of
`python -m bench`, which says how much each process uses.
"""
