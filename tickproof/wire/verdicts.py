"""Frames of `ticks.verdicts`: positions and causal verdicts of ticks of quality 1 or more, as an Arrow IPC stream."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tickproof.ticks.schema import Array, Ticks
from tickproof.wire.frame import Payload
from tickproof.wire.record_headers import FRAME_CONTENT_TYPE, crc32c

CAUSAL_SCHEMA = pa.schema(
    [
        pa.field("channel", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("ts_recv", pa.int64(), nullable=False),
        pa.field("ordinal", pa.uint32(), nullable=False),
        pa.field("quality", pa.uint8(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("reasons", pa.uint64(), nullable=False),
    ],
    metadata={"tickproof.schema": "1"},
)


def encode_verdicts(ticks: Ticks, verdicts: Array) -> Payload:
    """Encode the causal part of `verdicts`, records of VERDICT, with the positions of their stamped ticks."""
    rows = ticks.rows
    names = pa.array(ticks.names, pa.string())
    arrays = [
        pa.DictionaryArray.from_arrays(pa.array(rows["channel"], pa.int32()), names),
        *(pa.array(np.ascontiguousarray(rows[name])) for name in ("ts_recv", "ordinal")),
        *(pa.array(np.ascontiguousarray(verdicts[name])) for name in ("quality", "score", "reasons")),
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, CAUSAL_SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=CAUSAL_SCHEMA))
    value = sink.getvalue().to_pybytes()
    headers = {"content-type": FRAME_CONTENT_TYPE.encode(), "rows": str(len(ticks)).encode(), "crc32c": crc32c(value)}
    return Payload(value, headers)
