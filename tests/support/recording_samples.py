"""A small file of each recording format, written from the formats' public descriptions: three ticks, and how many messages."""

from __future__ import annotations

import gzip
import lzma
import struct
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import databento_dbn as dbn
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from producers.recordings.hftbacktest import EVENT
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import ROW, SCHEMA, Kind, Present, Ticks
from tickproof.wire import encode_json

TIME_NS = 1_600_000_000 * 10**9


def lean_zip(folder: Path, name: str, *members: tuple[str, str]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in members:
            archive.writestr(member, text)
    return path


def plain_ticks(count: int = 3, channel: str = "X.A") -> Ticks:
    rows = np.zeros(count, ROW)
    rows["ts_recv"] = np.arange(count) * 1000 + 10**18
    rows["kind"] = Kind.TRADE
    rows["channel"], rows["venue"], rows["symbol"] = 0, 1, 2
    rows["price"], rows["size"] = 10**9, 5 * 10**9
    rows["present"] = Present.PRICE | Present.SIZE
    return Ticks(rows, (channel, "XNAS", "ABC"))


def write_parquet(path: Path, table: pa.Table | None = None, rows: int = 3) -> Path:
    pq.write_table(pa.Table.from_batches([to_arrow(plain_ticks(rows))]) if table is None else table, path)
    return path


def text(folder: Path, name: str, *lines: str, end: str = "\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(lines) + end).encode())
    return path


def canonical_csv(folder: Path) -> Path:
    rows = pa.Table.from_batches([to_arrow(plain_ticks())]).to_pylist()
    lines = [",".join("" if row[name] is None else str(row[name]) for name in SCHEMA.names) for row in rows]
    return text(folder, "ticks.csv", ",".join(SCHEMA.names), *lines)


def iex_message(kind: str, mark: int, symbol: str, rest: bytes = b"", time: int = TIME_NS) -> bytes:
    return kind.encode() + struct.pack("<Bq", mark, time) + symbol.encode().ljust(8) + rest


def iex_quote(symbol: str = "ABC", bid: int = 100_0000, ask: int = 100_0100, sizes: tuple[int, int] = (100, 200)) -> bytes:
    return iex_message("Q", 0, symbol, struct.pack("<IqqI", sizes[0], bid, ask, sizes[1]))


def iex_trade(kind: str = "T", mark: int = 0, price: int = 100_0000, size: int = 10, identity: int = 7) -> bytes:
    return iex_message(kind, mark, "ABC", struct.pack("<Iqq", size, price, identity))


def iex_segment(messages: Sequence[bytes], first: int, session: int = 1, protocol: int = 0x8003) -> bytes:
    payload = b"".join(struct.pack("<H", len(message)) + message for message in messages)
    header = struct.pack("<BxHIIHHqqq", 1, protocol, 1, session, len(payload), len(messages), 0, first, TIME_NS)
    return header + payload


def udp(payload: bytes) -> bytes:
    """An Ethernet frame around IP and UDP."""
    datagram = struct.pack(">HHHH", 1000, 2000, 8 + len(payload), 0) + payload
    packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 0, 0, 1, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return b"\1" * 6 + b"\2" * 6 + b"\x08\0" + packet + datagram


def pcap(packets: Sequence[bytes], first_ns: int = TIME_NS + 500_000, step_ns: int = 10**9) -> bytes:
    """A capture with times in ns."""
    out = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 16, 1)
    for index, packet in enumerate(packets):
        time = first_ns + index * step_ns
        out += struct.pack("<IIII", time // 10**9, time % 10**9, len(packet), len(packet)) + packet
    return out


def block(kind: int, body: bytes) -> bytes:
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def pcapng(packets: Sequence[bytes], first_ns: int = TIME_NS + 500_000, step_ns: int = 10**9) -> bytes:
    """The same with blocks, its interface's clock counting ns."""
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))
    for index, packet in enumerate(packets):
        time = first_ns + index * step_ns
        out += block(6, struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet)) + packet)
    return out


def iex(folder: Path) -> Path:
    path = folder / "tops.pcap.gz"
    path.write_bytes(gzip.compress(pcap([udp(iex_segment([iex_quote(), iex_trade()], 1)), udp(iex_segment([iex_quote()], 3))])))
    return path


def dbn_file(path: Path, schema: dbn.Schema, records: Sequence[object], symbols: Sequence[str] = ("ABC",)) -> Path:
    days = {"start_date": date(2020, 9, 13), "end_date": date(2020, 9, 14)}
    mappings = [
        SimpleNamespace(raw_symbol=symbol, intervals=[SimpleNamespace(**days, symbol=str(1 + index))])
        for index, symbol in enumerate(symbols)
    ]
    metadata = dbn.Metadata(
        dataset="XNAS.ITCH",
        start=TIME_NS,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=schema,
        symbols=list(symbols),
        mappings=mappings,  # type: ignore[arg-type]
    )
    path.write_bytes(bytes(metadata) + b"".join(bytes(record) for record in records))  # type: ignore[call-overload]
    return path


def dbn_trade(index: int, **changes: object) -> dbn.TradeMsg:
    fields: dict[str, object] = {
        "publisher_id": 2,
        "instrument_id": 1,
        "ts_event": TIME_NS + index * 10**6,
        "price": 100 * 10**9 + index,
        "size": 5,
        "action": dbn.Action.TRADE,
        "side": dbn.Side.ASK,
        "depth": 0,
        "ts_recv": TIME_NS + index * 10**6 + 1000,
        "sequence": 10 + 3 * index,
    }
    return dbn.TradeMsg(**{**fields, **changes})  # type: ignore[arg-type]


def cryptofeed_lines(*lines: str) -> list[str]:
    return ["wss://ws.kraken.com <-> 1600000000.5", *(f"1600000001.{index:06}: {line}" for index, line in enumerate(lines))]


def tardis_row(index: int) -> str:
    time = TIME_NS // 1000 + index
    return f"deribit,BTC-PERPETUAL,{time},{time + 100},{10 + index},{100.5 + index},{100 + index},{20 + index}"


def nautilus(folder: Path) -> Path:
    path = folder / "binance" / "btcusdt-trades.parquet"
    path.parent.mkdir()
    table = pa.table(
        {
            "timestamp": pa.array([TIME_NS // 10**6 + index for index in range(3)], pa.timestamp("ms", "UTC")),
            "trade_id": [7, 8, 9],
            "price": [100.25, 100.5, 39432.48],
            "quantity": [0.000263, 0.004376, 1.0],
        }
    )
    pq.write_table(table, path)
    return path


def nautilus_catalog(folder: Path, width: int = 16) -> Path:
    """Three quotes as a catalog holds them, in one of its precisions."""

    def cells(*values: int) -> pa.Array:
        scale = 10**7 if width == 16 else 1
        return pa.array([(value * scale).to_bytes(width, "little", signed=True) for value in values], pa.binary(width))

    times = pa.array([TIME_NS + index for index in range(3)], pa.uint64())
    prices = {"bid_price": cells(*[1_121_200_000] * 3), "ask_price": cells(*[1_121_700_000] * 3)}
    sizes = {"bid_size": cells(*[10**15] * 3), "ask_size": cells(*[2 * 10**15] * 3)}
    table = pa.table({**prices, **sizes, "ts_event": times, "ts_init": times})
    path = folder / "quotes.parquet"
    pq.write_table(table.replace_schema_metadata({"instrument_id": "EUR/USD.SIM", "price_precision": "5"}), path)
    return path


def dukascopy_hour(folder: Path, *rows: tuple[int, int, int, float, float]) -> Path:
    """An hour of EURUSD: ms, ask, bid, and volumes."""
    path = folder / "EURUSD/2020/00/01/05h_ticks.bi5"
    path.parent.mkdir(parents=True)
    some = rows or tuple((index, 112_172, 112_120, 0.75, 1.12) for index in range(3))
    path.write_bytes(lzma.compress(b"".join(struct.pack(">IIIff", *row) for row in some), lzma.FORMAT_ALONE))
    return path


def hftbacktest_events(folder: Path, *events: tuple[int, int, float, float], name: str = "btcusdt_20240808.npz") -> Path:
    """Events with their kind and flags, local time, price and size; the exchange was 5 ns earlier. By default three trades."""
    some = events or tuple(((1 << 30) | (1 << 29) | 2, TIME_NS + index, 61837.63, 0.02) for index in range(3))
    rows = np.zeros(len(some), EVENT)
    for row, (kind, local, price, size) in zip(rows, some, strict=True):
        row["ev"], row["local_ts"], row["exch_ts"], row["px"], row["qty"] = kind, local, local - 5, price, size
    np.savez_compressed(folder / name, data=rows)
    return folder / name


def itch_message(kind: str, rest: bytes, time: int, locate: int = 1) -> bytes:
    """A message of ITCH 5.0, `time` in ns since midnight."""
    return kind.encode() + struct.pack(">HHHI", locate, 0, time >> 32, time & 0xFFFFFFFF) + rest


def itch_file(folder: Path, *messages: bytes, length: bool = True, name: str = "01302019.NASDAQ_ITCH50") -> Path:
    """Messages behind their lengths, or behind 0, after the event that begins a day and a directory of stocks."""
    begin = [itch_message("S", b"O", 1, 0), itch_message("R", b"ABC     " + bytes(20), 2)]
    data = [struct.pack(">H", len(one) if length else 0) + one for one in (*begin, *messages)]
    (folder / name).write_bytes(b"".join(data))
    return folder / name


def itch_order(number: int, side: bytes, shares: int, price: int, time: int) -> bytes:
    return itch_message("A", struct.pack(">QcI8sI", number, side, shares, b"ABC     ", price), time)


def itch(folder: Path) -> Path:
    """Three bids, each better than the last."""
    return itch_file(folder, *(itch_order(1 + index, b"B", 100, 100_0000 + index, 3 + index) for index in range(3)))


def lobster(folder: Path) -> Path:
    name = "ABC_2020-09-14_34200000_57600000_{}_1.csv"
    text(folder, name.format("orderbook"), "1000100,10,1000000,20", "1000100,10,1000000,10", "1000100,5,1000000,10", end="")
    return text(
        folder,
        name.format("message"),
        "34200.000000001,1,11,20,1000000,1",
        "34200.5,2,11,10,1000000,1",
        "34201,2,12,5,1000100,-1",
        end="",
    )


_KRAKEN = [
    '{"event":"heartbeat"}',
    '[1,{"as":[["100.1","1.5","1600000000.1"]],"bs":[["100.0","2.5","1600000000.2"]]},"book-10","XBT/USD"]',
    '[1,[["100.1","0.5","1600000001.0","b","l",""]],"trade","XBT/USD"]',
]
_DEPTH = "ABC,160000000000{0},1{0},1{0},{1},{2},{3},1,{4}"

SAMPLES: dict[str, tuple[Callable[[Path], Path], int]] = {
    "lean": (
        lambda folder: lean_zip(
            folder, "equity/usa/tick/abc/20131007_trade.zip", ("t.csv", "1,10000,5,Q,0,0\n2,10000,5,Q,0,0\n3,10000,5,Q,0,0")
        ),
        3,
    ),
    "parquet": (lambda folder: write_parquet(folder / "ticks.parquet"), 3),
    "nautilus": (nautilus, 3),
    "csv": (canonical_csv, 3),
    "jsonl": (lambda folder: text(folder, "t.jsonl", *(line.decode() for line in encode_json(plain_ticks()))), 3),
    "taq": (
        lambda folder: text(
            folder,
            "t.csv",
            "DT,EX,SYMBOL,COND,SIZE,PRICE,CORR",
            "2018-01-02 14:30:00.125,N,XXX,F,100,158.5,0",
            "2018-01-02 14:30:00.126,P,XXX,,5,158.51,0",
            "2018-01-02 14:30:01,D,XXX,B,7,158.4,0",
        ),
        3,
    ),
    "iex": (iex, 3),
    "cryptofeed": (lambda folder: text(folder, "KRAKEN.ws.1.0", *cryptofeed_lines(*_KRAKEN)), 4),
    "dbn": (lambda folder: dbn_file(folder / "t.dbn", dbn.Schema.TRADES, [dbn_trade(index) for index in range(3)]), 3),
    "lobster": (lobster, 3),
    "truefx": (
        lambda folder: text(
            folder, "EURUSD.csv", *(f"EUR/USD,20120101 21:00:00.{index}00,1.29{index},1.295" for index in range(3))
        ),
        3,
    ),
    "tardis": (
        lambda folder: text(
            folder,
            "quotes.csv",
            "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount",
            *map(tardis_row, range(3)),
        ),
        3,
    ),
    "binance-depth": (
        lambda folder: text(
            folder,
            "depth.csv",
            "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu",
            _DEPTH.format(1, "b", "snap", "100.5", -1),
            _DEPTH.format(2, "a", "set", "101", 11),
            _DEPTH.format(3, "b", "set", "100.6", 12),
        ),
        3,
    ),
    "nautilus-catalog": (nautilus_catalog, 3),
    "dukascopy": (dukascopy_hour, 3),
    "hftbacktest": (hftbacktest_events, 3),
    "itch": (itch, 5),
    "binance": (
        lambda folder: text(
            folder,
            "BTCUSDT-aggTrades-2024-08-08.csv",
            *(f"{7 + index},61837.63,0.02,{index},{index},{1723161255342 + index},True,True" for index in range(3)),
        ),
        3,
    ),
    "polygon": (
        lambda folder: text(
            folder,
            "2023-03-28.csv",
            "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,trf_id,"
            "trf_timestamp",
            *(
                f'XYZ,"12,37",0,11,{index},{TIME_NS + index},276.16,{10 + 3 * index},{TIME_NS + 9 + index},55,3,,0'
                for index in range(3)
            ),
        ),
        3,
    ),
    "bybit": (
        lambda folder: text(
            folder,
            "BTCUSDT2024-08-08.csv",
            "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional",
            *(f"1723161255.342{index},BTCUSDT,Buy,0.02,61837.63,ZeroPlusTick,0-0-{index},0,0.02,1236.75" for index in range(3)),
        ),
        3,
    ),
    "okx": (
        lambda folder: text(
            folder,
            "BTC-USDT-trades-2025-04-19.csv",
            "instrument_name,trade_id,side,price,size,created_time",
            *(f"BTC-USDT,{index},buy,61837.6,0.02,{1745000000000 + index}" for index in range(3)),
        ),
        3,
    ),
    "histdata": (
        lambda folder: text(
            folder,
            "DAT_ASCII_EURUSD_T_202001.csv",
            *(f"20200101 17000{index}065,1.1212,1.12172,0" for index in range(3)),
            end="\r\n",
        ),
        3,
    ),
}
"""Format -> what writes its sample, and how many messages there are in the sample; ticks there are three."""
