"""One channel's step: a row a second, its state, cuts, extremes. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.streams import CHANNEL, MS, START_NS, Tape, at, check, last_revisions, lively, numbers, pieces
from tickproof.channel import step as channels
from tickproof.channel.step import ChannelSettings, ChannelState, pack, unpack
from tickproof.errors import WireError
from tickproof.findings.finding import Severity, encode
from tickproof.ticks.schema import NS_PER_SECOND, Ticks, concat

HOUR = 3600.0
TOP = 2**64 - 1

# --- a row a second ----------------------------------------------------------------------------------------------------------


def test_a_second_is_open_at_its_start_and_closed_at_its_end() -> None:
    """
    (0, 1]: 0.1  1.0        (1, 2]: 1.000000001  2.0        (2, 3]: not over
    """
    tape = Tape()
    for moment in (0.1, 1.0, 1.0 + 1e-9, 2.0, 2.5):
        tape.quote(moment)
    tape.trade(2.6)
    tape.capture_heartbeat(3.5)
    seconds = check(tape.ticks()).seconds
    assert seconds["ts"].tolist() == [at(1), at(2), at(3)]
    assert seconds["ticks"].tolist() == [2, 2, 2]
    assert seconds["quotes"].tolist() == [2, 2, 1]
    assert seconds["trades"].tolist() == [0, 0, 1]
    assert seconds["age"].tolist() == [0, 0, at(3) - at(2.6)]


def test_a_second_counts_what_is_lost_and_copied() -> None:
    """What is missing is lost when it has not come within a second."""
    tape = numbers(1, 2, 6, 6, 9)  # 0 … 0.04 s
    tape.capture_heartbeat(1.5)
    tape.capture_heartbeat(2.5)
    first, second, third = check(tape.ticks()).seconds  # (−1, 0] holds the very first tick
    assert (first["ts"], first["ticks"]) == (at(0), 1)
    assert (second["gaps"], second["lost"], second["duplicates"]) == (2, 0, 1)
    assert (third["gaps"], third["lost"], third["duplicates"]) == (0, 3 + 2, 0)


def test_latencies_of_a_second_are_quantiles_to_an_eighth_of_an_octave() -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(np.log(300e3), 0.8, 900)).astype(np.int64)
    tape = Tape()
    for row, value in enumerate(values.tolist()):
        tape.quote(0.001 + row * 0.001, ts_event=at(0.001 + row * 0.001) - value)
    tape.capture_heartbeat(1.5)
    (second,) = check(tape.ticks()).seconds
    for column, share in (("latency_p50", 0.5), ("latency_p99", 0.99), ("latency_p999", 0.999)):
        exact = float(np.quantile(values, share, method="inverted_cdf"))
        assert exact <= second[column] <= exact * 2 ** (1 / 8) * (1 + 1e-9)


def test_latencies_are_null_without_venue_times() -> None:
    tape = Tape(latency_ns=None)
    tape.quote(0.5)
    tape.capture_heartbeat(1.5)
    (second,) = check(tape.ticks()).seconds
    assert np.isnan([second["latency_p50"], second["latency_p99"], second["latency_p999"]]).all()


# --- state -------------------------------------------------------------------------------------------------------------------

FURTHER = ("block", "restart", "fill", "skew", "future")
EVENTS = st.tuples(
    st.sampled_from(
        ["quote", "quote", "quote", "trade", "heartbeat", "capture", "session", "gap", "copy", "old", "jump", "late", *FURTHER]
    ),
    st.sampled_from([0.0, 0.01, 0.3, 1.0, 4.0]),
)


def written(events: list[tuple[str, float]], start: int = 1) -> Ticks:
    """A stream by what happens, each so long after the one before."""
    tape = lively(60)
    tape.sequence = (start + 60) % 2**64
    for row, message in enumerate(tape.messages):
        message["sequence"] = (start + row) % 2**64
    now = 6.0
    for what, pause in events:
        now += pause
        if what == "quote":
            tape.quote(now, 99 + now % 3, 103)
        elif what == "trade":
            tape.trade(now, trade_id=round(now * 10) % 5)
        elif what == "heartbeat":
            tape.heartbeat(now)
        elif what == "capture":
            tape.capture_heartbeat(now)
        elif what == "session":
            tape.session(now, 1)
        elif what == "gap":
            tape.sequence = (tape.sequence + 3) % 2**64
            tape.trade(now)
        elif what == "copy":
            tape.messages.append(tape.messages[-1] | {"ts_recv": at(now)})
        elif what == "old":
            tape.quote(now - 0.5, sequence=(tape.sequence - 2) % 2**64)
        elif what == "jump":
            tape.quote(now + 2 * HOUR)
        elif what == "block":
            tape.messages += [message | {"ts_recv": at(now)} for message in tape.messages[-40:]]
        elif what == "restart":
            tape.sequence = 10
            for row in range(5):
                tape.quote(now + row * 0.001, 98, 104)
        elif what == "fill":
            tape.sequence = (tape.sequence + 2) % 2**64
            tape.quote(now)
            for back in (3, 2):
                tape.quote(now, sequence=(tape.sequence - back) % 2**64)
        elif what in ("skew", "future"):
            # Long enough to be told from single wrong stamps: of the venue, and of the capture.
            moved = 5 * HOUR if what == "skew" else 0.0
            for row in range(30):
                moment = now + row * 0.001 + (3 * HOUR if what == "future" and row < 5 else 0.0)
                tape.quote(moment, ts_event=at(now + row * 0.001 - moved))
                tape.sequence = tape.sequence % 2**64
            now += 0.03
        else:
            tape.quote(now, ts_event=at(now) - 20 * NS_PER_SECOND)
        tape.sequence = (tape.sequence or 0) % 2**64
    return tape.ticks()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, max_size=40), st.lists(st.integers(0, 100), max_size=6), st.sampled_from([1, 5000, TOP - 70]))
def test_cutting_does_not_matter(events: list[tuple[str, float]], cuts: list[int], start: int) -> None:
    ticks = written(events, start)
    whole, parts = check(ticks), check(ticks, cuts)
    assert whole.ticks.rows.tobytes() == parts.ticks.rows.tobytes()
    assert whole.seconds.tobytes() == parts.seconds.tobytes()
    assert last_revisions(whole.findings) == last_revisions(parts.findings)
    # Not the last revisions alone: who follows the topic sees the same revisions, too.
    assert sorted(map(encode, whole.findings)) == sorted(map(encode, parts.findings))
    assert pack(whole.state) == pack(parts.state)


@settings(max_examples=20, deadline=None)
@given(st.lists(EVENTS, max_size=30), st.lists(st.integers(0, 90), min_size=1, max_size=5))
def test_dirty_pages_are_all_that_a_store_needs(events: list[tuple[str, float]], cuts: list[int]) -> None:
    state = ChannelState.new("1")
    stored = pack(state)
    ticks = written(events)
    findings = []
    for piece in pieces(ticks, cuts):
        before = unpack(stored, "1")
        result = channels.step(before, piece, CHANNEL, ChannelSettings())
        stored |= pack(result.state, before)
        findings += result.findings
    whole = check(ticks)
    restored = unpack(stored, "1")
    assert pack(restored) == pack(whole.state)
    assert restored.arrays.ring.tobytes() == whole.state.arrays.ring.tobytes()
    assert last_revisions(findings) == last_revisions(whole.findings)


def test_a_small_step_writes_few_pages() -> None:
    state = check(lively(3000, step=0.001).ticks()).state
    tape = Tape(sequence=3001)
    tape.quote(10)
    after = channels.step(state, tape.ticks(), CHANNEL, ChannelSettings()).state
    assert len(pack(state)) == 1 + -(-3000 // channels.PAGE_ROWS)
    assert len(pack(after, state)) == 2
    assert set(pack(state, state)) == {0}


def test_a_step_writes_to_nothing_that_it_was_given() -> None:
    first, second = written([("gap", 0.01), ("copy", 0.01)]), written([("session", 20.0), ("jump", 1.0), ("old", 0.0)])
    state = check(first).state
    before, rows = pack(state), second.rows.copy()
    result = channels.step(state, second, CHANNEL, ChannelSettings())
    assert result.findings
    assert pack(result.state) != before
    assert pack(state) == before
    assert second.rows.tobytes() == rows.tobytes()


def test_no_ticks_change_nothing() -> None:
    state = check(lively().ticks()).state
    result = channels.step(state, concat([]), CHANNEL, ChannelSettings())
    assert (len(result.ticks), result.findings, len(result.seconds)) == (0, [], 0)
    assert pack(result.state) == pack(state)


def test_a_state_of_another_version_is_refused() -> None:
    pages = pack(ChannelState.new())
    pages[0] = bytes([pages[0][0] + 1]) + pages[0][1:]
    with pytest.raises(ValueError, match="state version"):
        unpack(pages)


def test_names_do_not_depend_on_a_batch_s_table() -> None:
    """A copy is a copy although the two batches number their names differently."""
    tape = numbers(5, 6)
    first, second = tape.ticks(), numbers(6, 7).ticks()
    second = Ticks(second.rows.copy(), ("Z", *second.names))
    for column in ("channel", "venue", "symbol"):
        second.rows[column] += 1
    second.rows["ts_recv"] += 10 * 10**6
    state = check(first).state
    result = channels.step(state, second, CHANNEL, ChannelSettings())
    assert [finding.code for finding in result.findings] == ["duplicate"]


def test_a_payload_that_cannot_be_decoded_is_a_finding_and_nothing_else() -> None:
    state = check(lively().ticks()).state
    origin: dict[str, object] = {"topic": "ticks.raw", "partition": 3, "offset": 17, "timestamp_ns": at(5)}
    after, (finding,) = channels.reject(state, WireError("value: found 3 bytes, expected a frame"), CHANNEL, origin)
    assert (finding.code, finding.severity, finding.detected_at) == ("payload_unreadable", Severity.CRITICAL, at(5))
    assert finding.evidence["error"] == "value: found 3 bytes, expected a frame"
    assert finding.evidence["offset"] == 17
    assert after.arrays.header.tobytes() == state.arrays.header.tobytes()
    _, (changed,) = channels.reject(state, WireError("x", schema_changed=True), CHANNEL, origin)
    assert changed.code == "schema_changed"
    assert changed.id != finding.id


# --- extremes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ts_recv", [-(2**63), -1, 0, 2**63 - 1])
def test_capture_times_at_the_ends_of_the_integers_do_not_move_the_channel(ts_recv: int) -> None:
    tape = lively(70)
    tape.messages[60]["ts_recv"] = ts_recv
    checked = check(tape.ticks())
    assert checked.state.arrays.header["arrival"]["event_time"][0] == at(6.9)
    assert (np.diff(checked.ticks.rows["event_time"]) >= 0).all()
    for finding in checked.findings:
        assert finding.measured is None or finding.measured >= 0
    after = lively(70)
    assert check(after.ticks(), [60]).findings == []


def test_evidence_is_the_tick_verbatim_with_its_origin() -> None:
    tape = numbers(5, 6, 10)
    # A gap is told once event time has moved on.
    tape.capture_heartbeat(1)
    ticks = tape.ticks()
    ticks.rows["offset"], ticks.rows["partition"], ticks.rows["row"] = 40, 2, np.arange(4)
    (gap,) = check(ticks).findings
    assert gap.evidence["origin"] == {"partition": 2, "offset": 40, "row": 2}
    message = tape.messages[2]
    tick = {name: value for name, value in message.items() if value is not None} | {"conditions": 0, "flags": 0}
    assert gap.evidence["tick"] == tick


def test_milliseconds_are_milliseconds() -> None:
    assert at(MS) - START_NS == 1_000_000
