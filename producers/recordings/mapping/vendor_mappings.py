"""Formats of vendors whose files are no more than columns: mappings in TOML files, and here what else is known of them."""

from __future__ import annotations

from pathlib import Path

from producers.recordings.mapping.mapped import Mapped
from producers.recordings.mapping.specification import load
from producers.recordings.reading.facts import Facts

FOLDER = Path(__file__).parent / "vendors"


def _format(name: str, meaning: str, facts: Facts, mappings: tuple[str, ...]) -> Mapped:
    return Mapped(name, meaning, facts, tuple(load(FOLDER / f"{mapping}.toml") for mapping in mappings))


VENDORS: tuple[Mapped, ...] = (
    _format(
        "binance",
        "public dumps of Binance: trades, aggTrades, bookTicker, of spot, USD-M and COIN-M, as CSV or zip",
        Facts(
            recognised_by="a name such as `BTCUSDT-trades-2024-08-08.csv` and the columns of that dump; a symbol such as "
            "`BTCUSD_PERP` is of COIN-M, and spot's lines have one column more than USD-M's",
            clock="one, in ms or, of spot since 2025, in µs: the first time of a file tells; `ts_recv`. bookTicker has two",
            sequence="`contiguous` for aggTrades and for spot's trades, `increasing` for trades of futures and bookTicker",
            cannot_tell="latency, but of bookTicker; who received it",
            sample="`BTCUSDT-aggTrades-2024-08-08.csv`, rows such as "
            "`3066452211,61837.63,0.02,3716482137,3716482138,1723161255342,True,True`",
        ),
        (
            "binance_spot_aggtrades",
            "binance_spot_trades",
            "binance_usdm_aggtrades",
            "binance_usdm_trades",
            "binance_usdm_bookticker",
            "binance_coinm_aggtrades",
            "binance_coinm_trades",
            "binance_coinm_bookticker",
            "binance_usdm_aggtrades_without_header",
            "binance_usdm_trades_without_header",
            "binance_coinm_aggtrades_without_header",
            "binance_coinm_trades_without_header",
        ),
    ),
    _format(
        "polygon",
        "flat files of Polygon.io, now Massive: trades and quotes of US stocks",
        Facts(
            recognised_by="a header with `ticker`, `sip_timestamp`, `participant_timestamp`, `sequence_number` and prices",
            clock="two, in ns: `sip_timestamp`, `ts_recv`, and `participant_timestamp`, `ts_event`",
            sequence="`increasing`: numbers grow within a ticker and a day, with holes",
            cannot_tell="gaps; which venue is behind a best quote, whose venue is `NBBO`; whether sizes are lots or shares",
            sample="`2023-03-28.csv.gz`, whose header begins with `ticker,conditions,correction,exchange,id`",
        ),
        ("polygon_trades", "polygon_quotes"),
    ),
    _format(
        "bybit",
        "public trades of Bybit, contracts and spot",
        Facts(
            recognised_by="a header with `timestamp`, `trdMatchID` and a name such as `BTCUSDT2024-08-08.csv.gz`, or with `id`, "
            "`volume` and a name such as `BTCUSDT_2024-08-08.csv.gz`",
            clock="one: seconds with decimals of contracts, ms of spot; `ts_recv`",
            sequence="`none`: ids have no order",
            cannot_tell="gaps; latency; quotes",
            sample="`BTCUSDT2024-08-08.csv.gz`, whose header begins with `timestamp,symbol,side,size,price,tickDirection`",
        ),
        ("bybit_contract_trades", "bybit_spot_trades"),
    ),
    _format(
        "okx",
        "public trades of OKX",
        Facts(
            recognised_by="a header with `trade_id`, `size`, `price` and `created_time`, and `instrument_name` or a name such "
            "as `BTC-USDT-trades-2025-04-19.zip`",
            clock="one, in ms; `ts_recv`",
            sequence="`none`: aggregated trades leave out ids",
            cannot_tell="gaps; latency; quotes; whether a size is coins or contracts",
            sample="`BTC-USDT-trades-2025-04-19.zip`, whose header is `instrument_name,trade_id,side,price,size,created_time`",
        ),
        ("okx_trades", "okx_trades_of_one_instrument"),
    ),
    _format(
        "histdata",
        "ticks of HistData.com, ASCII",
        Facts(
            recognised_by="a name such as `DAT_ASCII_EURUSD_T_202001.csv` and four columns without a header",
            clock="one, five hours behind UTC in summer and winter; `ts_recv`",
            sequence="`none`: rows have no number",
            cannot_tell="sizes, trades, latency, gaps, the venue behind a quote",
            sample="`DAT_ASCII_EURUSD_T_202001.csv`, rows such as `20200101 170000065,1.121200,1.121720,0`",
        ),
        ("histdata_quotes",),
    ),
)
"""The formats, in the order in which they are tried."""
