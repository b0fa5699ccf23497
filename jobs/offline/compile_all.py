"""Compiled kernels, got ready before the first tick asks for them: loaded from their cache, or compiled where it is empty.

Compiling takes one or two minutes, once for each version of the kernels' sources. `make setup` starts this module as a process of
its own; a person calls `tickproof doctor --compile`.
"""

from __future__ import annotations

import numpy as np

from jobs.pipeline import outputs
from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import Versions, pipeline_settings
from tickproof.features.table import NAMES
from tickproof.settings import NO_MODEL, Settings
from tickproof.ticks.schema import NS_PER_MS, ROW, UNITS_PER_ONE, Kind, Present, Ticks
from tickproof.wire import decode_frame, decode_json, encode_frame, encode_json

ROWS = 64
START_NS = 1_700_000_000_000 * NS_PER_MS


def sample() -> Ticks:
    """A few quotes and trades of one symbol: all kinds of ticks take the same kernels."""
    rows = np.zeros(ROWS, ROW)
    rows["ts_recv"] = rows["ts_event"] = START_NS + np.arange(ROWS) * 50 * NS_PER_MS
    rows["sequence"] = np.arange(ROWS)
    rows["channel"], rows["venue"], rows["symbol"] = 0, 1, 2
    rows["bid_px"], rows["ask_px"], rows["price"] = 100 * UNITS_PER_ONE, 101 * UNITS_PER_ONE, 100 * UNITS_PER_ONE
    rows["bid_sz"] = rows["ask_sz"] = rows["size"] = UNITS_PER_ONE
    is_trade = np.arange(ROWS) % 8 == 0
    rows["kind"] = np.where(is_trade, Kind.TRADE, Kind.QUOTE)
    quote = Present.BID_PX | Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ
    rows["present"] = Present.TS_EVENT | Present.SEQUENCE | np.where(is_trade, Present.PRICE | Present.SIZE, quote)
    return Ticks(rows, ("WARM.A", "WARM", "WARM"))


def warm(model: str) -> None:
    """Walk a few ticks through everything that a job does with them.

    Parameters
    ----------
    model : str
        Alias or folder of the model that will be used; `none`: rules only.

    Raises
    ------
    ModelError
        No such model, or it does not fit.
    """
    payload = encode_frame(sample())
    settings = pipeline_settings(Settings(model=model)).opened()
    engine = Engine(settings)
    engine.feed(decode_frame(payload.value, payload.headers))
    # What these ticks have no need of: ticks as JSON, and what a model says of its reasons.
    decode_json(encode_json(sample()))
    if settings.shard.detector is not None:
        settings.shard.detector.contributions(np.zeros(len(NAMES)))
    for shard, result in engine.finish().scored:
        outputs.scored(shard, result.final, result.verdicts, Versions("", ""))


def warm_producers() -> None:
    """Make and look at a few seconds of market, and read a book by order.

    A job does not need this; who simulates, or replays such a book, does.
    """
    from producers.market.parameters import Market
    from producers.realism.observed_ticks import observe
    from producers.recordings.databento.codes import DECODED, ORDERS
    from producers.recordings.databento.order_by_order_book import OrderBooks
    from producers.simulation.day import simulate

    observe(simulate(Market(minutes=0.05, symbols=4)))
    OrderBooks().step(np.zeros(1, DECODED[ORDERS]), np.zeros(1, np.int32))


def compile_all() -> None:
    """Compile all kernels of the job and the producers that are not in the cache yet."""
    from models.store.registry import DEFAULT, aliases

    warm(DEFAULT if DEFAULT in aliases() else NO_MODEL)
    warm_producers()


if __name__ == "__main__":
    compile_all()
