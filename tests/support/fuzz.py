"""Hostile ticks and payloads by the million: numbers at their ends, nulls in every combination, bytes flipped, JSON that lies.

A run has three parts: a calm feed and, on channels of its own, a quiet one; then mutations of the calm feed, by the wire, while
the quiet one goes on; then both as before. The same run without what is mutated says what the others should get.

`TICK_MUTATIONS`, `FRAME_MUTATIONS` and `JSON_MUTATIONS` are the tables; a mutation works on what it is given and knows nothing
of the rest.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from jobs.offline.result_tables import finding_table, statistics_table
from jobs.pipeline.engine import Engine, Output
from jobs.pipeline.settings import PipelineSettings
from tickproof.errors import WireError
from tickproof.features.table import NAMES
from tickproof.findings.finding import VERDICT, encode, verdict_columns
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import (
    NS_PER_SECOND,
    NULLABLE,
    ROW,
    UNITS_PER_ONE,
    Array,
    Flag,
    Kind,
    Present,
    Ticks,
    concat,
    is_scored,
)
from tickproof.wire import Payload, decode_frame, decode_json, encode_frame, encode_json

START_NS = 1_700_000_000 * NS_PER_SECOND
VENUES = ("XNAS", "ARCX", "BATS")
SYMBOLS = ("ABC", "DEF", "GHI", "JKL", "MNO", "PQR", "STU", "VWX")
STEP_NS = 2_000_000
"""Between a calm feed's ticks."""
FRAME_ROWS = 50

_POWERS = [1 << k for k in range(63)]
ENDS = np.array(
    [0, 1, -1, 2**63 - 1, 2**63 - 2, -(2**63), 1 - 2**63, *_POWERS, *(-p for p in _POWERS), *(p - 1 for p in _POWERS[2:])],
    np.int64,
)
"""Where integers end, and where their representation changes."""
UNSIGNED_ENDS = np.array([0, 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1], np.uint64)
PRICES_AND_SIZES = ("bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size")
HOSTILE_NAMES = ("", " ", "\x00", "NULL", "é" * 300, "A" * 60_000, "ABC ", "abc", "\U0001f4c8", "XNAS.A", "nan", "../..")


def calm(first: int, count: int, suffix: str = "") -> Ticks:
    """Ticks `first` and following of a feed that goes on for ever: three venues that quote and trade eight symbols by turns.

    `suffix` stands behind every name, so that feeds do not share any.
    """
    number = first + np.arange(count)
    venue, turn = number % len(VENUES), number // len(VENUES)
    symbol = turn % len(SYMBOLS)
    step = turn // len(SYMBOLS)
    trade = step % 7 == 3
    rows = np.zeros(count, ROW)
    rows["ts_recv"] = START_NS + number * STEP_NS
    rows["ts_event"] = rows["ts_recv"] - 300_000 - 1_000 * (number % 13)
    rows["sequence"] = 1 + turn
    rows["kind"] = np.where(trade, Kind.TRADE, Kind.QUOTE)
    rows["channel"], rows["venue"], rows["symbol"] = venue, 3 + venue, 6 + symbol
    middle = (20 + 30 * symbol) * UNITS_PER_ONE + ((step * (1 + symbol) // 3) % 5) * UNITS_PER_ONE // 100
    half, size = UNITS_PER_ONE // 100, 100 * (1 + (step + symbol) % 4) * UNITS_PER_ONE
    quote = Present.BID_PX | Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ
    rows["present"] = Present.TS_EVENT | Present.SEQUENCE | np.where(trade, Present.PRICE | Present.SIZE, quote)
    for name, value in (("bid_px", middle - half), ("bid_sz", size), ("ask_px", middle + half), ("ask_sz", size)):
        rows[name] = np.where(trade, 0, value)
    for name, value in (("price", middle), ("size", size)):
        rows[name] = np.where(trade, value, 0)
    names = (*(f"{one}.A" for one in VENUES), *VENUES, *SYMBOLS)
    return Ticks(rows, tuple(name + suffix for name in names))


# --- ticks --------------------------------------------------------------------------------------------------------------------

TickMutation = Callable[[np.random.Generator, Array, npt.NDArray[np.intp]], None]
"""Changes some rows in place; these are given by their numbers."""


def _at_ends(name: str) -> TickMutation:
    def mutate(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
        kind = ROW[name]
        ends = UNSIGNED_ENDS if kind == np.uint64 else ENDS
        rows[name][where] = rng.choice(ends, len(where)).astype(kind)

    return mutate


def _scaled(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    """By a power of ten, as other units would be."""
    for name in PRICES_AND_SIZES:
        chosen = where[rng.random(len(where)) < 0.5]
        by = 10.0 ** rng.integers(-9, 10, len(chosen))
        rows[name][chosen] = (rows[name][chosen].astype(float) * by).clip(-9e18, 9e18).astype(np.int64)


def _near(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    """Off by a part of itself, so that all thresholds are met from both sides."""
    for name in PRICES_AND_SIZES:
        off = np.exp(rng.normal(0.0, 10.0 ** rng.integers(-5, 1, len(where))))
        rows[name][where] = (rows[name][where].astype(float) * off).clip(-9e18, 9e18).astype(np.int64)


def _nulls(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    rows["present"][where] = rng.integers(0, 1 << len(NULLABLE), len(where))


def _kinds(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    rows["kind"][where] = rng.integers(0, len(Kind), len(where))


def _bits(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    rows["conditions"][where] = rng.integers(0, 1 << 32, len(where)) & rng.integers(0, 1 << 32, len(where))
    rows["flags"][where] = rng.integers(0, 256, len(where)) & rng.integers(0, 256, len(where)) & ~int(Flag.CAPTURE_HEARTBEAT)


def _sides(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    """Fields in each other's place."""
    one, other = rng.choice(PRICES_AND_SIZES, 2, replace=False)
    rows[one][where], rows[other][where] = rows[other][where], rows[one][where].copy()


def _stamps(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    """The capture clock, by a millisecond at most, or by more than is believed, and to its ends.

    What is between is believed, for this clock is the trusted one: a tick stamped twenty minutes ahead makes all that follow
    late, and one stamped a tenth of a second early says that the venue's clock is off.
    """
    near, far = rng.integers(3, 7, len(where)), rng.integers(13, 18, len(where))
    by = rng.choice([-1, 1], len(where)) * 10 ** np.where(rng.random(len(where)) < 0.7, near, far)
    stamps = rows["ts_recv"][where] + by
    rows["ts_recv"][where] = np.where(rng.random(len(where)) < 0.1, rng.choice(ENDS, len(where)), stamps)


def _names(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    """The names of others, hostile ones, and none; `HOSTILE_NAMES` stand at the end of the table."""
    last = len(VENUES) * 2 + len(SYMBOLS) + len(HOSTILE_NAMES)
    rows["symbol"][where] = rng.integers(-1, last, len(where))
    strange = where[rng.random(len(where)) < 0.2]
    rows["venue"][strange] = rng.integers(0, last, len(strange))


def _copies(rng: np.random.Generator, rows: Array, where: npt.NDArray[np.intp]) -> None:
    """Messages that came shortly before, their numbers included."""
    earlier = np.maximum(where - rng.integers(1, 40, len(where)), 0)
    stamps = rows["ts_recv"][where].copy()
    rows[where] = rows[earlier]
    rows["ts_recv"][where] = stamps


TICK_MUTATIONS: dict[str, TickMutation] = {
    **{name: _at_ends(name) for name in (*PRICES_AND_SIZES, "ts_event", "sequence", "trade_id")},
    "scaled": _scaled,
    "near": _near,
    "nulls": _nulls,
    "kinds": _kinds,
    "bits": _bits,
    "sides": _sides,
    "stamps": _stamps,
    "names": _names,
    "copies": _copies,
}


def mutated(ticks: Ticks, rng: np.random.Generator, share: float) -> tuple[Ticks, npt.NDArray[np.bool_]]:
    """The ticks, so large a share of them mutated in one to three ways, and which those are."""
    rows = ticks.rows.copy()
    chosen = rng.random(len(rows)) < share
    for round_ in range(3):
        of_round = np.flatnonzero(chosen & (rng.random(len(rows)) < (1.0, 0.4, 0.2)[round_]))
        kinds = rng.integers(0, len(TICK_MUTATIONS), len(of_round))
        for number, mutate in enumerate(TICK_MUTATIONS.values()):
            where = of_round[kinds == number]
            if len(where):
                mutate(rng, rows, where)
    return Ticks(rows, ticks.names + HOSTILE_NAMES), chosen


# --- payloads -----------------------------------------------------------------------------------------------------------------

FrameMutation = Callable[[random.Random, Payload], Payload]


def _flip(source: random.Random, value: bytes) -> bytes:
    changed = bytearray(value)
    for _ in range(source.choice((1, 1, 2, 8))):
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
    return bytes(changed)


def _unchecked(payload: Payload, value: bytes) -> Payload:
    """With another value and without its checksum, so that the decoder has to look."""
    return Payload(value, {name: text for name, text in payload.headers.items() if name != "crc32c"})


def _overwritten(source: random.Random, payload: Payload) -> Payload:
    """A word set to one of the ends: lengths, offsets and values."""
    value = bytearray(payload.value)
    place = 4 * source.randrange(len(value) // 4)
    value[place : place + 4] = source.choice((b"\x00" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x01\0\0\0"))
    return _unchecked(payload, bytes(value))


def _spliced(source: random.Random, payload: Payload) -> Payload:
    """A piece of it in another place of it."""
    value, size = payload.value, source.randrange(1, 200)
    start, place = source.randrange(len(value)), source.randrange(len(value))
    return _unchecked(payload, value[:place] + value[start : start + size] + value[place:])


def _headers(source: random.Random, payload: Payload) -> Payload:
    headers = dict(payload.headers)
    name = source.choice(list(headers))
    headers[name] = source.choice((b"", b"-1", b"\xff\xfe", b"0" * 1_000, headers[name] + b"0", source.randbytes(8)))
    return Payload(payload.value, headers)


FRAME_MUTATIONS: dict[str, FrameMutation] = {
    "flipped": lambda source, payload: _unchecked(payload, _flip(source, payload.value)),
    "flipped, with the old checksum": lambda source, payload: Payload(_flip(source, payload.value), payload.headers),
    "overwritten": _overwritten,
    "truncated": lambda source, payload: _unchecked(payload, payload.value[: source.randrange(len(payload.value))]),
    "extended": lambda source, payload: _unchecked(payload, payload.value + source.randbytes(source.randrange(1, 100))),
    "spliced": _spliced,
    "headers": _headers,
    "random": lambda source, payload: _unchecked(payload, source.randbytes(source.randrange(2_000))),
}

JSON_VALUES = (
    b"null", b"true", b"{}", b"[]", b"[[[[[[[[]]]]]]]]", b'""', b'"NaN"', b"NaN", b"Infinity", b"-0", b"-0.0", b"1e400",
    b"-1e400", b"1e-400", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809",
    b'"9223372036.854775807"', b'"9223372036.854775808"', b'"-9223372036.854775808"', b"1" * 5_000,
    b'"1' + b"0" * 5_000 + b'"', b"0.0000000001", b'"1e18"', b'"1_000"', b'"\\u0000"', b'"\\ud800"', b'"\xff"', b"7", b"255",
    b"-1", b'"quote"', b'"2024-02-30T00:00:00Z"', b'"9999-12-31T23:59:59.999999999Z"', b'"0001-01-01T00:00:00Z"',
    b'"' + b"A" * 70_000 + b'"',
)  # fmt: skip
"""Values of a field, each as it stands in the text."""
JSON_FIELDS = (*NULLABLE, "ts_recv", "channel", "venue", "symbol", "kind", "conditions", "flags", "unknown")
JsonMutation = Callable[[random.Random, bytes], bytes]


def _value(source: random.Random, text: bytes) -> bytes:
    """A field said again, with another value: which of both counts is the decoder's to say."""
    name, value = source.choice(JSON_FIELDS).encode(), source.choice(JSON_VALUES)
    return b'{"' + name + b'":' + value + b"," + text[1:]


def _replaced(source: random.Random, text: bytes) -> bytes:
    """A field with another value."""
    parts = text[1:-1].split(b",")
    place = source.randrange(len(parts))
    parts[place] = parts[place].partition(b":")[0] + b":" + source.choice(JSON_VALUES)
    return b"{" + b",".join(parts) + b"}"


JSON_MUTATIONS: dict[str, JsonMutation] = {
    "value": _value,
    "replaced": _replaced,
    "flipped": _flip,
    "truncated": lambda source, text: text[: source.randrange(len(text))],
    "extended": lambda source, text: text + source.choice((b"}", b" ", b"\x00", text, source.randbytes(4))),
    "nested": lambda source, text: b"[" * 20_000 + text,
    "random": lambda source, text: source.randbytes(source.randrange(200)),
}


# --- runs ---------------------------------------------------------------------------------------------------------------------

BESIDE = ".quiet"
"""Stands behind all names of the feed that is left alone."""
ROUND = FRAME_ROWS * len(VENUES)
"""Ticks of either feed before it is the other's turn: less than a second."""
BLOCK = 20 * ROUND
"""Ticks that are mutated at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of; lengths in ticks of either feed.

    Parameters
    ----------
    seed : int
    before, hostile, after : int
        Lengths of the three parts.
    share : float
        Of the hostile part's ticks, mutated.
    payloads : float
        Mutated frames, and as many mutated JSON ticks, for each frame of the hostile part.
    """

    seed: int = 1
    before: int = 15 * BLOCK
    hostile: int = 10 * BLOCK
    after: int = 20 * BLOCK
    share: float = 0.5
    payloads: float = 0.0


@dataclass(slots=True)
class Run:
    """What a run was given and what came out: scored ticks, verdicts and features by slice, and refused payloads by mutation."""

    settings: PipelineSettings
    engine: Engine
    fed: int = 0
    mutated_ticks: int = 0
    mutated_payloads: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    scored: int = 0
    kept: dict[str, list[Kept]] = field(default_factory=lambda: {"": [], BESIDE: []})
    kept_from: int = 0
    overtaken: int = 0
    findings: int = 0

    def take(self, output: Output) -> None:
        """Note what a call of the engine gave."""
        for _, result in output.scored:
            assert not np.isinf(result.features).any()
            self.scored += len(result.final)
            beside = np.array([name.endswith(BESIDE) for name in (*result.final.names, "")])[result.final.rows["channel"]]
            after = result.final.rows["event_time"] >= START_NS + self.kept_from * STEP_NS
            for suffix, mine in (("", ~beside & after), (BESIDE, beside)):
                rows = result.final.rows[mine]
                self.kept[suffix].append(
                    (rows["ts_recv"], rows["sequence"], result.verdicts[mine], _digest(result.features[mine]))
                )
            to_arrow(result.final, verdict_columns(result.verdicts))
        for finding in output.findings:
            encode(finding)
        # As they are written down: nothing may be too large for its column.
        finding_table(output.findings)
        statistics_table(output.statistics)
        self.findings += len(output.findings)
        self.overtaken += sum(len(behind) for behind, _ in output.overtaken)

    def of(self, suffix: str, since: int = 0) -> Kept:
        """What was kept of a feed's ticks, from its tick `since` on, by time."""
        times, numbers, verdicts, digests = (np.concatenate(columns) for columns in zip(*self.kept[suffix], strict=True))
        order = np.lexsort((numbers, times))
        order = order[times[order] >= START_NS + since * STEP_NS]
        return times[order], numbers[order], verdicts[order], digests[order]


Kept = tuple[Array, Array, Array, Array]
"""Capture times, numbers, verdicts, and a digest of each tick's own features: all of them would fill the memory."""
OF_THE_MARKET = ("market_move", "market_residual", "expected_moves", "size_season")
"""Features that ask all symbols of a shard."""
_OWN = [k for k, name in enumerate(NAMES) if name not in OF_THE_MARKET]
_FACTORS = np.random.default_rng(1).integers(0, 2**63, len(_OWN), np.uint64) * np.uint64(2) + np.uint64(1)


def _digest(features: npt.NDArray[np.float64]) -> Array:
    own = features[:, _OWN]
    words = np.where(np.isnan(own), np.nan, own).view(np.uint64)
    words = (words ^ (words >> np.uint64(29))) * _FACTORS
    digest: Array = (words ^ (words >> np.uint64(31))).sum(axis=1, dtype=np.uint64)
    return digest


def run(settings: PipelineSettings, plan: Plan) -> Run:
    """Run the engine over the three parts; what is mutated is of the plan's seed alone.

    Raises
    ------
    FloatingPointError
        numpy divided by zero, overflowed or made a NaN out of numbers.
    """
    made = Run(settings, Engine(settings), kept_from=plan.before + plan.hostile)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        _feed(made, _stream(plan, made))
        made.take(made.engine.finish())
    return made


def _stream(plan: Plan, made: Run) -> Iterator[Ticks]:
    rng, source = np.random.default_rng(plan.seed), random.Random(plan.seed)
    ends = plan.before, plan.before + plan.hostile, plan.before + plan.hostile + plan.after
    for first in range(0, ends[2], BLOCK):
        ticks, beside = calm(first, BLOCK), calm(first, BLOCK, BESIDE)
        hostile = ends[0] <= first < ends[1]
        if hostile:
            ticks, chosen = mutated(ticks, rng, plan.share)
            made.mutated_ticks += int(chosen.sum())
        for start in range(0, BLOCK, ROUND):
            part = ticks.take(slice(start, start + ROUND))
            yield from by_wire(part, source, made, plan.payloads) if hostile else [part]
            yield beside.take(slice(start, start + ROUND))


def by_wire(ticks: Ticks, source: random.Random, made: Run, payloads: float) -> Iterator[Ticks]:
    """The ticks as they come out of frames; beside them what still can be read of mutated payloads."""
    for code in np.unique(ticks.rows["channel"]).tolist():
        part = ticks.take(ticks.rows["channel"] == code)
        payload = encode_frame(part)
        yield decode_frame(payload.value, payload.headers)
        for _ in range(int(payloads) + (source.random() < payloads % 1.0)):
            yield from _mutated_payloads(part, payload, source, made)


def _mutated_payloads(part: Ticks, payload: Payload, source: random.Random, made: Run) -> Iterator[Ticks]:
    """One mutation of a frame and one of a JSON tick."""
    made.mutated_payloads += 2
    kind = source.choice(list(FRAME_MUTATIONS))
    broken = FRAME_MUTATIONS[kind](source, payload)
    try:
        yield decode_frame(broken.value, broken.headers)
    except WireError:
        made.refused[kind] += 1
    kind = source.choice(list(JSON_MUTATIONS))
    row = source.randrange(len(part))
    batch = decode_json([JSON_MUTATIONS[kind](source, encode_json(part.take(slice(row, row + 1)))[0])])
    assert len(batch.ticks) + len(batch.errors) == 1, kind
    made.refused[f"JSON {kind}"] += len(batch.errors)
    yield batch.ticks


def _feed(made: Run, parts: Iterator[Ticks]) -> None:
    """Give the engine what comes, some thousand ticks at a time."""
    held: list[Ticks] = []
    for part in parts:
        if len(part):
            held.append(part)
            made.fed += int(is_scored(part.rows).sum())
        if sum(map(len, held)) >= BLOCK:
            made.take(made.engine.feed(concat(held)))
            held = []
    if held:
        made.take(made.engine.feed(concat(held)))


# --- states -------------------------------------------------------------------------------------------------------------------

NONE_IS_NAN = {"run_others"}
"""Fields in which NaN says that there is nothing: what other venues said when a run began, while there are none."""


def not_finite(engine: Engine) -> list[str]:
    """The fields of all states that hold NaN or an infinity and must not."""
    wrong = []
    for name, worker in engine._channels.items():
        state = worker.state
        assert state is not None
        for array in state.arrays:
            wrong += [f"channel {name}: {path}" for path in _unsound(array, "")]
    for shard, state in enumerate(worker.state for worker in engine._shards):
        arrays = {name: table.rows for name, table in state.tables.items()}
        arrays |= {name: getattr(state, name) for name in ("venues", "clocks", "shard", "market", "minutes")}
        wrong += [f"shard {shard}: {path}" for name, array in arrays.items() for path in _unsound(array, name)]
    return wrong


def _unsound(array: Array, path: str) -> Iterator[str]:
    if array.dtype.names:
        for name in array.dtype.names:
            if name not in NONE_IS_NAN:
                yield from _unsound(array[name], f"{path}.{name}")
    elif array.dtype.kind == "f" and not np.isfinite(array).all():
        yield path


# --- what must hold -----------------------------------------------------------------------------------------------------------

RENUMBERED, RECOVERED = BLOCK, 8 * BLOCK
"""Ticks of a feed, 6 s, after which a channel's numbers are believed again, and 48 s, after which a model has forgotten all that
was done to it."""
SUSPECT_BY_MODEL = 5e-3
"""So many clean ticks may score 3, and are suspect until they are final: one in a thousand of a market is calibrated to, and this
feed is none."""


def unharmed(plan: Plan) -> Plan:
    """The same run without a mutation."""
    return replace(plan, share=0.0, payloads=0.0)


def unaccounted(made: Run) -> int:
    """Ticks that went in and did not come out."""
    return made.fed - made.overtaken - made.scored


def faults_of(made: Run, wanted: Run, plan: Plan) -> list[str]:
    """What is wrong with a run of mutated ticks, beside the same run without.

    Ticks that were not mutated must get the same verdicts as without: those of other channels and symbols from the first on, the
    mutated feed's own from `RENUMBERED` after the mutations on. A model's scores may differ, for some features are of the whole
    shard; its verdicts may not, the mutated feed's from `RECOVERED` on.
    """
    faults = [f"not finite: {path}" for path in not_finite(made.engine)]
    if unaccounted(made) or made.overtaken:
        faults.append(f"{unaccounted(made)} ticks lost, {made.overtaken} overtaken")
    if made.settings.shard.detector is None:
        told, renumbered = VERDICT.names or (), plan.before + plan.hostile + RENUMBERED
        faults += _differences("the feed beside", made.of(BESIDE), wanted.of(BESIDE), (*told, "features"))
        return faults + _differences("the mutated feed afterwards", made.of("", renumbered), wanted.of("", renumbered), told)
    told, recovered = ("final_quality", "final_reasons", "reasons"), plan.before + plan.hostile + RECOVERED
    for what, one, other in (
        ("the feed beside", made.of(BESIDE), wanted.of(BESIDE)),
        ("the mutated feed afterwards", made.of("", recovered), wanted.of("", recovered)),
    ):
        faults += _differences(what, one, other, told)
        if not faults:
            quality, expected = one[2]["quality"], other[2]["quality"]
            suspect = int((quality != expected).sum())
            if suspect > SUSPECT_BY_MODEL * len(expected) or (quality > np.maximum(expected, 1)).any():
                faults.append(f"{what}: {suspect} of {len(expected)} judged otherwise until final")
    return faults


def _differences(what: str, one: Kept, other: Kept, names: tuple[str, ...]) -> list[str]:
    if len(other[0]) < BLOCK or not (np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])):
        return [f"{what}: {len(one[0])} ticks, expected those {len(other[0])} without"]
    wrong = {name: int((one[2][name] != other[2][name]).sum()) for name in names if name != "features"}
    if "features" in names:
        wrong["features"] = int((one[3] != other[3]).sum())
    return [f"{what}: {name} of {count} ticks" for name, count in wrong.items() if count]
