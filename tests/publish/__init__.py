"""From recordings to the topic: merging, framing, pacing, publishing, and replays that are killed and resumed.

A fake clock stands for time and a recorder for the broker wherever a definition is enough. On the broker, every tick is there
once, in order, on Java's partition, and a killed replay leaves what an undisturbed one sends, byte for byte.

May use `broker` and `prefix`. Faults of transport are held against their labels.
"""
