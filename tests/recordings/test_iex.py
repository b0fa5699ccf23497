"""IEX TOPS in captures: framing, numbers, sessions, messages; pcap and pcapng; what is cut or broken."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from producers.recordings.registry import BY_NAME, Tally, contents, known, open_recordings
from tests.support.recording_samples import TIME_NS, iex_message, iex_quote, iex_segment, iex_trade, pcap, pcapng, udp
from tickproof.ticks.schema import Condition, Kind, Present, Ticks, concat

CAPTURES = {"pcap": pcap, "pcapng": pcapng}


@pytest.fixture(params=CAPTURES)
def capture(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Both kinds of capture."""
    return CAPTURES[request.param]


def read(path: Path, content: bytes, tally: Tally | None = None) -> Ticks:
    path.write_bytes(content)
    return concat(list(BY_NAME["iex"].read(path, tally or Tally())))


def test_a_quote_and_a_trade_are_read_to_the_unit(tmp_path: Path, capture) -> None:  # type: ignore[no-untyped-def]
    messages = [iex_quote(bid=99_0500, ask=100_0100, sizes=(300, 700)), iex_trade(mark=0x80 | 0x40 | 0x20 | 0x10, identity=9)]
    ticks = read(tmp_path / "c", capture([udp(iex_segment(messages, first=41))]))
    quote, trade = ticks.rows
    assert (quote["ts_recv"], quote["ts_event"], quote["sequence"]) == (TIME_NS + 500_000, TIME_NS, 41)
    assert (quote["bid_px"], quote["ask_px"]) == (99_050_000_000, 100_010_000_000)
    assert (quote["bid_sz"], quote["ask_sz"]) == (300 * 10**9, 700 * 10**9)
    assert (trade["sequence"], trade["trade_id"], trade["size"], trade["price"]) == (42, 9, 10 * 10**9, 100 * 10**9)
    assert trade["conditions"] == Condition.INTERMARKET_SWEEP | Condition.EXTENDED_HOURS | Condition.ODD_LOT
    assert [ticks.name(trade[name]) for name in ("channel", "venue", "symbol")] == ["IEX.TOPS.1", "IEXG", "ABC"]


def test_an_empty_side_has_a_size_of_zero_and_no_price(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "c", pcap([udp(iex_segment([iex_quote(bid=0, sizes=(0, 5))], 1))])).rows
    assert row["present"] & (Present.BID_PX | Present.BID_SZ) == Present.BID_SZ
    assert row["present"] & Present.ASK_PX


def test_every_message_takes_its_number(tmp_path: Path) -> None:
    messages = [
        iex_message("S", ord("O"), "")[:10],
        iex_message("D", 0x80, "ABC", struct.pack("<IqB", 100, 100_0000, 1)),
        iex_message("H", ord("H"), "ABC", b"T1  "),
        iex_message("H", ord("T"), "ABC", b"    "),
        iex_message("O", ord("O"), "ABC"),
        iex_message("P", 0, "ABC", b" "),
        iex_trade("B"),
        iex_message("A", ord("O"), "ABC", bytes(62)),
    ]
    ticks = read(tmp_path / "c", pcap([udp(iex_segment(messages, 1))]))
    status = Kind.STATUS
    assert ticks.rows["kind"].tolist() == [Kind.SESSION, *[status] * 5, Kind.TRADE_CANCEL, status]
    assert ticks.rows["sequence"].tolist() == list(range(1, 9))
    halted, resumed = Condition.HALTED, Condition.RESUMED
    assert ticks.rows["conditions"].tolist() == [0, 0, halted, resumed, halted, 0, 0, 0]
    assert ticks.rows["symbol"][0] == -1


def codes(ticks: Ticks, path: Path) -> dict[str, int]:
    """Findings of the rules alone, with what the format implies of channels; samples are of a Sunday."""
    engine = Engine(PipelineSettings(reference=known([path]).model_copy(update={"sessions": {}})))
    findings = {one.id: one for output in (engine.feed(ticks), engine.finish()) for one in output.findings}
    counted: dict[str, int] = {}
    for finding in findings.values():
        counted[f"{finding.code} {finding.severity.value}"] = counted.get(f"{finding.code} {finding.severity.value}", 0) + 1
    return counted


def test_heartbeats_sessions_and_holes_reach_detection(tmp_path: Path) -> None:
    quote = iex_quote()
    path = tmp_path / "c"
    whole = [iex_segment([quote, quote], 1), iex_segment([], 3), iex_segment([quote], 3)]
    ticks = read(path, pcap([udp(one) for one in whole]))
    assert ticks.rows["kind"].tolist() == [Kind.QUOTE, Kind.QUOTE, Kind.HEARTBEAT, Kind.QUOTE]
    assert codes(ticks, path) == {}
    # Another session: the counter starts again, announced.
    ticks = read(path, pcap([udp(one) for one in (*whole, iex_segment([quote], 1, session=2))]))
    assert ticks.rows["kind"].tolist()[-2:] == [Kind.SESSION, Kind.QUOTE]
    assert codes(ticks, path) == {"sequence_reset info": 1}
    # A heartbeat that knows of more than came, told once time moves on.
    ticks = read(path, pcap([udp(iex_segment([quote], 1)), udp(iex_segment([], 5)), udp(iex_segment([], 5))]))
    assert codes(ticks, path) == {"sequence_gap critical": 1}


def test_what_is_no_message_is_counted_and_its_neighbours_stay(tmp_path: Path, capture) -> None:  # type: ignore[no-untyped-def]
    quote = iex_quote()
    cut = iex_segment([quote, quote], 4)[:-10]
    packets = [
        udp(iex_segment([quote], 1)),
        udp(iex_segment([quote], 1, protocol=0x8004)),
        udp(b"short"),
        b"no frame",
        udp(iex_segment([iex_message("Z", 0, "ABC"), iex_message("Q", 0, "ABC")], 2)),
        udp(cut),
    ]
    tally = Tally()
    ticks = read(tmp_path / "c", capture(packets), tally)
    assert ticks.rows["sequence"].tolist() == [1, 4]
    assert dict(tally.undecoded) == {
        "segment of DEEP (0x8004), not TOPS 1.6": 1,
        "segment: not IEX-TP": 1,
        "packet: not UDP, or broken": 1,
        "message type b'Z': not in TOPS 1.6": 1,
        "message type Q: too short": 1,
        "message truncated: beyond the end of its segment": 1,
    }
    assert tally.messages == 5


def test_a_cut_capture_keeps_what_came_before(tmp_path: Path, capture) -> None:  # type: ignore[no-untyped-def]
    content = capture([udp(iex_segment([iex_quote()], number)) for number in range(1, 5)])
    for packed in (content[:-30], gzip.compress(content)[:-20]):
        tally = Tally()
        ticks = read(tmp_path / "c", packed, tally)
        assert ticks.rows["sequence"].tolist() == list(range(1, 1 + len(ticks)))
        assert len(ticks) < 5
        assert tally.undecoded.total() >= 1
    tally = Tally()
    assert len(read(tmp_path / "c", content[:-30], tally)) == 3
    assert dict(tally.undecoded) == {"packet truncated: the rest was not read": 1}


def test_the_shared_capture(data: Path) -> None:
    (path,) = (data / "go-iex").iterdir()
    counted = contents(path, BY_NAME["iex"])
    assert (counted.messages, counted.undecoded, counted.out_of_order) == (57_674, {}, 0)
    # 237 heartbeats take no number, and are no messages.
    assert counted.ticks == 57_674 + 237
    assert counted.by_kind == {
        "quote": 27_217,
        "trade": 6_390,
        "trade_cancel": 3,
        "heartbeat": 237,
        "session": 6,
        "status": 7_803 + 7_802 + 7_801 + 642 + 10,
    }
    found = codes(concat(list(open_recordings([path]))), path)
    assert not {code for code in found if code.startswith(("sequence", "duplicate", "out_of_order", "time"))}
