"""How large a payload may be. A decoder checks these on the payload's own claims before it allocates anything.

The first three are the contract's. The others bound what the contract leaves open, so that a small payload cannot cost much time:
no honest producer comes near them.
"""

MAX_VALUE_BYTES = 64 << 20
"""A frame as it lies in Kafka."""
MAX_DECODED_BYTES = 64 << 20
"""The bodies of all its messages, decompressed; a dictionary that grows by deltas counts at each of its sizes."""
MAX_ROWS = 100_000
"""Ticks in a frame."""
MAX_MESSAGES = 1_024
"""Arrow messages in a frame: one schema, at most four for each batch of rows."""
MAX_NAMES = 3 * MAX_ROWS
"""Entries of all dictionaries of a frame: a name of its own for each string of each tick."""
MAX_JSON_BYTES = 64 << 10
"""A JSON tick: its 16 fields are some 400 bytes."""
