"""DBN: records as columns, books by order against a plain book, numbers that are no gaps; shared files against databento-dbn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import databento_dbn as dbn
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from producers.recordings.databento.codes import DECODED, ORDERS, VENUES
from producers.recordings.databento.order_by_order_book import UNDEFINED, OrderBooks
from producers.recordings.registry import BY_NAME, Tally, contents, known, open_recordings
from tests.support.recording_samples import TIME_NS, dbn_file, dbn_trade
from tickproof.ticks.schema import Condition, Flag, Kind, Present, Ticks, concat

DBN = BY_NAME["dbn"]
LAST, SNAPSHOT = dbn.F_LAST, dbn.F_SNAPSHOT


def read(folder: Path, schema: dbn.Schema, records: Sequence[object], tally: Tally | None = None) -> Ticks:
    path = dbn_file(folder / "t.dbn", schema, records)
    return concat(list(DBN.read(path, tally or Tally())))


def order(action: str, side: str, identity: int, price: int, size: int, flags: int = LAST, sequence: int = 0) -> dbn.MBOMsg:
    return dbn.MBOMsg(
        publisher_id=2,
        instrument_id=1,
        ts_event=TIME_NS,
        order_id=identity,
        price=price,
        size=size,
        action=dbn.Action(action),
        side=dbn.Side(side),
        ts_recv=TIME_NS + 1000,
        flags=flags,
        channel_id=0,
        sequence=sequence,
    )


def test_a_trade_is_read_to_the_unit(tmp_path: Path) -> None:
    ticks = read(tmp_path, dbn.Schema.TRADES, [dbn_trade(0, flags=8 | 4), dbn_trade(1, price=UNDEFINED)])
    first, second = ticks.rows
    assert (first["ts_recv"], first["ts_event"], first["sequence"]) == (TIME_NS + 1000, TIME_NS, 10)
    assert (first["price"], first["size"], first["kind"]) == (100 * 10**9, 5 * 10**9, Kind.TRADE)
    assert first["flags"] == Flag.BAD_TS_RECV | Flag.MAYBE_BAD_BOOK
    assert [ticks.name(first[name]) for name in ("channel", "venue", "symbol")] == ["XNAS.ITCH.TRADES", "XNAS", "ABC"]
    assert second["present"] & (Present.PRICE | Present.SIZE) == Present.SIZE


def test_one_number_of_several_ticks_is_carried_by_the_first(tmp_path: Path) -> None:
    records = [dbn_trade(index, sequence=number) for index, number in enumerate([5, 5, 9, 9, 9, 12])]
    path = dbn_file(tmp_path / "t.dbn", dbn.Schema.TRADES, records)
    rows = concat(list(DBN.read(path, Tally()))).rows
    assert ((rows["present"] & Present.SEQUENCE) != 0).tolist() == [True, False, True, False, False, True]
    assert known([path]).channels["XNAS.ITCH.TRADES"].sequence == "increasing"


def test_several_instruments_have_no_number(tmp_path: Path) -> None:
    records = [dbn_trade(0), dbn_trade(1, instrument_id=2, sequence=3), dbn_trade(2, instrument_id=9)]
    path = dbn_file(tmp_path / "t.dbn", dbn.Schema.TRADES, records, symbols=["ABC", "DEF"])
    ticks = concat(list(DBN.read(path, Tally())))
    assert not (ticks.rows["present"] & Present.SEQUENCE).any()
    assert [ticks.name(code) for code in ticks.rows["symbol"]] == ["ABC", "DEF", "9"]
    assert known([path]).channels["XNAS.ITCH.TRADES"].sequence == "none"


def test_a_status_is_mapped(tmp_path: Path) -> None:
    actions = [dbn.StatusAction.TRADING, dbn.StatusAction.HALT, dbn.StatusAction.CLOSE, dbn.StatusAction.PRE_OPEN]
    records = [dbn.StatusMsg(2, 1, TIME_NS, TIME_NS + index, action) for index, action in enumerate(actions)]
    rows = read(tmp_path, dbn.Schema.STATUS, records).rows
    assert (rows["kind"] == Kind.STATUS).all()
    assert rows["conditions"].tolist() == [Condition.RESUMED, Condition.HALTED, Condition.SESSION_CLOSED, 0]


def test_orders_make_a_book_whose_top_is_told_when_an_event_ends(tmp_path: Path) -> None:
    tally = Tally()
    rows = read(
        tmp_path,
        dbn.Schema.MBO,
        [
            order("A", "B", 1, 100, 5, flags=SNAPSHOT | 8),
            order("A", "A", 2, 102, 7, flags=SNAPSHOT | 8),
            order("A", "B", 3, 101, 1, sequence=11),
            order("A", "B", 4, 90, 1, sequence=12),
            order("C", "B", 3, 101, 1, flags=0, sequence=13),
            order("T", "A", 9, 100, 2, flags=0, sequence=13),
            order("M", "A", 2, 103, 7, sequence=13),
            order("C", "B", 77, 100, 1, sequence=14),
            order("R", "N", 0, UNDEFINED, 0, sequence=15),
        ],
        tally,
    ).rows
    quote, trade = Kind.QUOTE, Kind.TRADE
    assert rows["kind"].tolist() == [quote, quote, trade, quote, quote]
    assert rows["bid_px"].tolist() == [100, 101, 0, 100, 0]
    assert rows["bid_sz"].tolist() == [5 * 10**9, 10**9, 0, 5 * 10**9, 0]
    assert rows["ask_px"].tolist() == [102, 102, 0, 103, 0]
    assert rows["flags"].tolist() == [Flag.SNAPSHOT | Flag.BAD_TS_RECV, 0, 0, 0, 0]
    # Of a snapshot neither time nor number; the trade and the quote of one event share 13.
    assert rows["sequence"].tolist() == [0, 11, 13, 0, 15]
    assert ((rows["present"] & Present.TS_EVENT) != 0).tolist() == [False, True, True, True, True]
    assert rows["present"][4] & ~np.uint16(Present.TS_EVENT | Present.SEQUENCE) == Present.BID_SZ | Present.ASK_SZ
    assert tally.notes["mbo about an order that was not added"] == 1


def plain_tops(events: list[tuple[str, str, int, int, int, bool]]) -> list[tuple[int, tuple[int, int, int, int]]]:
    """Tops of a book by a definition without any cleverness: a dictionary of orders, summed up each time."""
    orders: dict[int, list[int]] = {}
    told, found = (UNDEFINED, 0, UNDEFINED, 0), []
    for row, (action, side, identity, price, size, last) in enumerate(events):
        line = 0 if side == "B" else 1
        if action == "R":
            orders.clear()
        elif action == "C" and identity in orders:
            orders[identity][2] -= size
            if orders[identity][2] <= 0:
                del orders[identity]
        elif action in "AM":
            orders[identity] = [line, price, size]
        if last:
            top: list[int] = []
            for line, best in ((0, max), (1, min)):
                mine = [(one[1], one[2]) for one in orders.values() if one[0] == line]
                price = best((price for price, _ in mine), default=UNDEFINED)
                top += [price, sum(size for at, size in mine if at == price)]
            if tuple(top) != told:
                told = (top[0], top[1], top[2], top[3])
                found.append((row, told))
    return found


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("AAAACCMR"),
        st.sampled_from("BA"),
        st.integers(1, 12),
        st.integers(1, 8),
        st.integers(1, 5),
        st.booleans(),
    ),
    max_size=120,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(1, 50))
def test_books_are_what_a_plain_book_is_however_they_are_cut(
    events: list[tuple[str, str, int, int, int, bool]], cut: int
) -> None:
    records = np.zeros(len(events), DECODED[ORDERS])
    for record, (action, side, identity, price, size, last) in zip(records, events, strict=True):
        record["action"], record["side"], record["order_id"] = action.encode(), side.encode(), identity
        record["price"], record["size"], record["flags"] = price, size, LAST if last else 0
    books, found = OrderBooks(), []
    for first in range(0, len(records), cut):
        part = records[first : first + cut]
        at, tops, _ = books.step(part, np.zeros(len(part), np.int32))
        found += [(first + row, tuple(top)) for row, top in zip(at.tolist(), tops.tolist(), strict=True)]
    assert found == plain_tops(events)


def test_many_orders_and_levels_outgrow_the_tables() -> None:
    records = np.zeros(20_000, DECODED[ORDERS])
    records["action"], records["side"], records["flags"], records["size"] = b"A", b"B", LAST, 1
    records["order_id"], records["price"] = np.arange(20_000), np.arange(20_000) % 500
    books = OrderBooks()
    _, tops, unknown = books.step(records, np.zeros(len(records), np.int32))
    assert unknown == 0
    assert tops[-1].tolist() == [499, 40, UNDEFINED, 0]
    records["action"] = b"C"
    _, tops, unknown = books.step(records, np.zeros(len(records), np.int32))
    assert unknown == 0
    assert tops[-1].tolist() == [UNDEFINED, 0, UNDEFINED, 0]


@pytest.mark.parametrize("size", [0, 3, 7, 60])
def test_metadata_that_is_cut_is_an_error_of_one_line(tmp_path: Path, size: int) -> None:
    path = dbn_file(tmp_path / "t.dbn", dbn.Schema.TRADES, [dbn_trade(0)])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(Exception, match=r"DBN|metadata") as caught:
        list(DBN.read(path, Tally()))
    assert "\n" not in str(caught.value)


def test_a_cut_tail_and_a_length_that_is_none_keep_what_came_before(tmp_path: Path) -> None:
    path = dbn_file(tmp_path / "t.dbn", dbn.Schema.TRADES, [dbn_trade(index) for index in range(5)])
    content = path.read_bytes()
    for damaged in (content[:-10], content[:-48] + b"\1" + content[-47:]):
        path.write_bytes(damaged)
        tally = Tally()
        assert len(concat(list(DBN.read(path, tally)))) == 4
        assert (tally.messages, tally.undecoded.total()) == (5, 1)


def records_of(path: Path) -> list[object]:
    """All records as databento-dbn decodes them."""
    decoder = dbn.DBNDecoder(upgrade_policy=dbn.VersionUpgradePolicy.AS_IS)
    raw = path.read_bytes()
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        raw = pa.CompressedInputStream(pa.BufferReader(raw), "zstd").read()
    decoder.write(raw)
    return list(decoder.decode())[1:]


def test_shared_files_of_all_schemas_are_what_databento_decodes(data: Path) -> None:
    seen = set()
    for path in sorted((data / "databento-python").rglob("*.dbn.zst")):
        records = records_of(path)
        tally = Tally()
        rows = concat(list(DBN.read(path, tally))).rows
        assert tally.messages == len(records), path
        assert not tally.undecoded
        schema = path.name.split(".")[1]
        if schema in ("trades", "tbbo", "mbp-1", "mbp-10", "bbo-1s", "bbo-1m", "cbbo-1s", "cbbo-1m"):
            seen.add(schema)
            trades = [one for one in records if schema in ("trades", "tbbo") or getattr(one, "action", None) == "T"]
            quotes = [one for one in records if schema == "tbbo" or (schema != "trades" and one not in trades)]
            mine = rows[rows["kind"] == Kind.TRADE]
            assert mine["price"].tolist() == [one.price for one in trades]
            assert mine["size"].tolist() == [one.size * 10**9 for one in trades]
            mine = rows[rows["kind"] == Kind.QUOTE]
            for name in ("bid_px", "ask_px"):
                wanted = [getattr(one.levels[0], name) for one in quotes]
                assert mine[name].tolist() == [0 if price == UNDEFINED else price for price in wanted]
            assert mine["ts_recv"].tolist() == [one.ts_recv for one in quotes]
        elif schema not in ("mbo", "status", "live"):
            assert len(rows) == 0
            assert tally.without_ticks.total() == len(records)
    assert len(seen) == 8


PLAIN = 8_000
"""Records that the plain book, which sums up all orders at each of them, is compared over."""


def test_the_shared_book_by_order_is_a_plain_book_and_has_no_gaps(data: Path) -> None:
    folder = data / "nautilus_trader" / "databento"
    counted = [contents(path, DBN) for path in sorted(folder.iterdir())]
    assert [one.messages for one in counted] == [8_725, 68_792]
    assert [one.undecoded for one in counted] == [{}, {}]
    path = folder / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    records = records_of(path)
    ticks = concat(list(open_recordings([path])))
    assert (ticks.rows["kind"] == Kind.TRADE).sum() == sum(one.action == "T" for one in records) == 2_973
    # The snapshot is told once, when it is whole.
    assert (ticks.rows["flags"] & Flag.SNAPSHOT != 0).tolist() == [True] + [False] * (len(ticks) - 1)
    plain = plain_tops(
        [(str(one.action), str(one.side), one.order_id, one.price, one.size, bool(one.flags & LAST)) for one in records[:PLAIN]]
    )
    quotes = ticks.rows[ticks.rows["kind"] == Kind.QUOTE][1:]
    quotes = quotes[quotes["row"] < PLAIN]
    assert quotes["row"].tolist() == [row for row, top in plain][-len(quotes) :]
    assert quotes["bid_px"].tolist() == [top[0] for _, top in plain][-len(quotes) :]
    assert quotes["ask_sz"].tolist() == [top[3] * 10**9 for _, top in plain][-len(quotes) :]
    engine = Engine(PipelineSettings(reference=known([path])))
    findings = [one for output in (engine.feed(ticks), engine.finish()) for one in output.findings]
    assert not {one.code for one in findings} & {
        "sequence_gap",
        "sequence_reset",
        "duplicate",
        "duplicate_changed",
        "out_of_order",
    }


def test_publishers_are_in_order() -> None:
    assert (VENUES[1], VENUES[2], VENUES[20], VENUES[30], VENUES[38], VENUES[57], VENUES[58]) == (
        "GLBX",
        "XNAS",
        "AMXO",
        "OPRA",
        "IEXG",
        "IFEU",
        "NDEX",
    )
