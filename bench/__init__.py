"""The speed table: `make bench`, or `python -m bench --help`. Never part of the tests.

Everything runs side by side in one run over one simulated stream (fixed seed), the Kafka parts on a real broker that the run
starts. Each case has a process of its own, so that none warms another's caches, and the stream is published before a job starts.

    stream.py      the simulated stream, and how it gets to the broker
    progress.py    how fast a topic grows, and what that costs in processor time
    pipeline.py    the whole job: frames and JSON ticks
    per_record.py  a plain PyFlink job that handles each tick by itself, and the sweep of its bundle settings
    parts.py       single parts without Flink: decoding, kernels, the model, the local engine
    producers.py   the simulator, its way to the broker, readers of recordings, and the memory of all these
    memory.py      bytes a symbol
    against.py     this build and another by turns, as ratios of processor time
    report.py      the table and bench/out/latest.json
"""
