"""Records of ticks.raw -> ticks, many at once: frames and JSON ticks may stand among each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from tickproof.errors import WireError
from tickproof.ticks.schema import Ticks, concat
from tickproof.wire import JSON_CONTENT_TYPE, decode_frame, decode_json, detect, undetected
from tickproof.wire.record_headers import CONTENT_TYPE

ORDINARY = {CONTENT_TYPE: JSON_CONTENT_TYPE.encode()}
"""The headers of nearly every JSON tick: who knows that they are these passes this object."""


class RawRecord(msgspec.Struct, array_like=True, frozen=True):
    """One record of ticks.raw, or a message of a recording that holds the same payloads."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some records: each is one or more ticks, or an error.

    Parameters
    ----------
    ticks : Ticks
        Of all channels, in the order of the records, with their place in the topic.
    places : array of int64, shape (len(ticks),)
        Which record each came from.
    errors : dict of int to WireError
        The records that are no ticks, in order, and why.
    """

    ticks: Ticks
    places: npt.NDArray[np.int64]
    errors: dict[int, WireError]


def decode(records: Sequence[RawRecord]) -> Batch:
    """Decode records in the order in which they came; nothing is raised for what a payload holds."""
    errors: dict[int, WireError] = {}
    texts: list[int] = []
    frames: list[Ticks] = []
    framed: list[int] = []
    for place, record in enumerate(records):
        encoding = "json" if record.headers is ORDINARY else detect(record.value, record.headers)
        if encoding == "json":
            texts.append(place)
            continue
        try:
            if encoding is None:
                raise undetected(record.value, record.headers)
            frames.append(decode_frame(record.value, record.headers, record.key))
            framed.append(place)
        except WireError as error:
            errors[place] = error
    if not texts:
        return _placed(records, concat(frames), _repeated(framed, frames), errors)
    batch = decode_json(
        [records[place].value for place in texts],
        headers=[records[place].headers for place in texts],
        keys=[records[place].key for place in texts],
    )
    places = np.array(texts, np.int64)[batch.row_of]
    errors |= {texts[index]: error for index, error in batch.errors}
    errors = dict(sorted(errors.items()))
    if not frames:
        return _placed(records, batch.ticks, places, errors)
    places = np.concatenate([_repeated(framed, frames), places])
    order = np.argsort(places, kind="stable")
    return _placed(records, concat([*frames, batch.ticks]).take(order), places[order], errors)


def _repeated(framed: Sequence[int], frames: Sequence[Ticks]) -> npt.NDArray[np.int64]:
    return np.repeat(np.array(framed, np.int64), [len(ticks) for ticks in frames])


def _placed(records: Sequence[RawRecord], ticks: Ticks, places: npt.NDArray[np.int64], errors: dict[int, WireError]) -> Batch:
    """The ticks with partition, offset and row of each; they are nobody else's yet."""
    rows = ticks.rows
    rows["offset"] = np.fromiter((record.offset for record in records), np.int64, len(records))[places]
    rows["partition"] = np.fromiter((record.partition for record in records), np.int32, len(records))[places]
    # The first tick of each record, and how far each tick lies behind it.
    rows["row"] = np.arange(len(rows)) - np.searchsorted(places, places)
    return Batch(ticks, places, errors)
