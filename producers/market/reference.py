"""Reference data of a simulated market, in the form of `--reference FILE`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from producers.market.genuine_events import SPLIT
from producers.market.parameters import Market
from producers.market.universe import build
from tickproof.findings.label import Label

NEW_NAMES = ("genuine_listing", "genuine_rename")
"""Kinds that announce a new symbol."""


def reference(market: Market, labels: Iterable[Label] = ()) -> dict[str, Any]:
    """Return the reference data of a market, ready to be written as JSON.

    Parameters
    ----------
    market : Market
    labels : iterable of Label
        Labels of its stream, for splits, listings and new names.
    """
    world, labels = build(market), list(labels)
    lines = len(world.channels)
    sequence = "contiguous" if market.character.has_sequence else "none"
    table = list(zip(world.instruments["tick"].tolist(), world.instruments["lot"].tolist(), strict=True))
    sessions = [[max(one.start, market.start_ns), one.end] for one in market.sessions]
    return {
        "channels": {name: {"sequence": sequence} for name in world.names[:lines]},
        "instruments": [
            # Each venue is one book, and no book crosses.
            *(
                {"symbol": world.symbol(place), "tick": tick, "lot": lot, "may_cross": False}
                for place, (tick, lot) in enumerate(table)
            ),
            *({"symbol": one.symbol, "may_cross": False} for one in labels if one.kind in NEW_NAMES),
            *(
                {"symbol": world.symbol(place), "venue": world.names[lines + venue], "tick": tick, "lot": lot, "may_cross": True}
                for venue in range(world.venues - world.aggregated, world.venues)
                for place, (tick, lot) in enumerate(table)
            ),
        ],
        "sessions": dict.fromkeys(world.names[lines : lines + world.venues], sessions),
        "actions": [
            {"symbol": one.symbol, "ts": one.onset, "kind": "split", "ratio": one.magnitude}
            for one in labels
            if one.kind == SPLIT
        ],
        "relations": [
            {
                "name": f"{world.symbol(tie.place)} by its legs",
                "constant": 1.0,
                "legs": [{"symbol": world.symbol(place), "power": power} for place, power in (*tie.legs, (tie.place, -1.0))],
            }
            for tie in world.ties
        ],
    }
