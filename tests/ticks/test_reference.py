"""Reference data: read from a file, everything wrong listed at once, and used by both stages."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from jobs.pipeline.engine import Engine
from jobs.pipeline.reference_file import load
from jobs.pipeline.settings import PipelineSettings
from producers.recordings.reading.implied_reference import merged
from tickproof.channel.routing import route
from tickproof.errors import SettingsError
from tickproof.findings.finding import names_of
from tickproof.reference.data import NOTHING, Reference, parse
from tickproof.ticks.schema import NULLABLE, ROW, Ticks

NAMES = ("FEED.A", "V", "CL", "HO")


def rows(count: int, **columns: object) -> np.ndarray:
    """Rows of one channel, a tick each 10 ms, quotes and trades as the columns say."""
    out = np.zeros(count, ROW)
    out["ts_recv"] = 1_700_000_000_000_000_000 + 10_000_000 * np.arange(count)
    out["venue"], out["symbol"] = 1, 2
    for name, values in columns.items():
        out[name] = values
        if name in NULLABLE:
            out["present"] |= np.uint16(NULLABLE[name])
    return out


def quotes(count: int, bid: int, ask: int) -> np.ndarray:
    """Two-sided quotes."""
    return rows(count, bid_px=bid, ask_px=ask, bid_sz=10**9, ask_sz=10**9)


def scored(ticks: Ticks, reference: Reference) -> tuple[list[int], list[set[str]], set[str]]:
    """Final qualities, reasons, and the feeds of findings."""
    engine = Engine(PipelineSettings(shards=1, reference=reference))
    first, last = engine.feed(ticks), engine.finish()
    verdicts = np.concatenate([result.verdicts for _, result in first.scored + last.scored])
    feeds = {finding.feed for finding in first.findings + last.findings}
    return (
        verdicts["final_quality"].tolist(),
        [set(names_of(int(reasons))) for reasons in verdicts["final_reasons"]],
        feeds,
    )


def test_a_channels_line_is_accepted_and_ignored() -> None:
    lines = parse({"channels": {"X.A": {"line": "X", "feed": "X"}, "X.B": {"line": "X", "feed": "X"}}}, "r.json")
    assert lines == parse({"channels": {"X.A": {"feed": "X"}, "X.B": {"feed": "X"}}}, "r.json")
    with pytest.raises(SettingsError, match=r"channels\.X\.A\.lines"):
        parse({"channels": {"X.A": {"lines": "X"}}}, "r.json")


def test_a_file_is_read_as_json_and_as_toml(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"channels": {"X.A": {"sequence": "increasing", "feed": "X"}}}')
    (tmp_path / "r.toml").write_text('[channels."X.A"]\nsequence = "increasing"\nfeed = "X"\n')
    assert load(tmp_path / "r.json") == load(tmp_path / "r.toml")
    assert load(tmp_path / "r.json").feed_of("X.A") == "X"
    assert load(None) == NOTHING


@pytest.mark.parametrize(("name", "text"), [("r.json", "{"), ("r.toml", "= 1"), ("r.json", "[]"), ("absent.toml", None)])
def test_a_file_that_is_none_is_one_line(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=name) as error:
        load(tmp_path / name)
    assert "\n" not in str(error.value)


def test_everything_wrong_is_listed_at_once() -> None:
    wrong = {"channels": {"X.A": {"sequence": "odd"}}, "instruments": [{"symbol": "A", "tick": 0}], "unknown": 1}
    with pytest.raises(SettingsError) as error:
        parse(wrong, "r.toml")
    for place in ("channels.X.A.sequence", "instruments.0.tick", "unknown"):
        assert place in str(error.value)


def test_an_entry_for_the_venue_wins() -> None:
    reference = parse({"instruments": [{"symbol": "A"}, {"symbol": "A", "venue": "V", "may_cross": True}]}, "r")
    on_venue, elsewhere = reference.instrument("V", "A"), reference.instrument("W", "A")
    assert on_venue is not None
    assert elsewhere is not None
    assert (on_venue.may_cross, elsewhere.may_cross) == (True, None)


def test_peers_of_peers_share_a_shard() -> None:
    reference = parse({"instruments": [{"symbol": "HO", "peers": ["RB"]}, {"symbol": "RB", "peers": ["CL"]}]}, "r")
    assert reference.groups() == {"CL": "CL", "HO": "CL", "RB": "CL"}
    both = rows(2)
    both["symbol"] = [2, 3]
    for shards in range(2, 40):
        assert len(route(Ticks(both, NAMES), shards, reference.groups())) == 1


def test_a_subset_of_a_channel_has_no_gaps() -> None:
    jumps = quotes(5, 100 * 10**9, 101 * 10**9)
    jumps["sequence"], jumps["present"] = [1, 5, 9, 20, 21], jumps["present"] | np.uint16(NULLABLE["sequence"])
    gaps = [reasons for reasons in scored(Ticks(jumps, NAMES), NOTHING)[1] if "sequence_gap" in reasons]
    assert len(gaps) == 3
    declared = parse({"channels": {"FEED.A": {"sequence": "increasing"}}}, "r")
    assert not any(scored(Ticks(jumps, NAMES), declared)[1])


def test_crossing_is_known_and_not_learnt() -> None:
    crossed = quotes(3, 101 * 10**9, 100 * 10**9)
    assert scored(Ticks(crossed, NAMES), NOTHING)[0] == [1, 1, 1]
    never = parse({"instruments": [{"symbol": "CL", "may_cross": False}], "channels": {"FEED.A": {"feed": "MINE"}}}, "r")
    quality, reasons, feeds = scored(Ticks(crossed, NAMES), never)
    assert quality == [2, 2, 2]
    assert reasons == [{"crossed"}] * 3
    assert feeds == {"MINE"}
    always = parse({"instruments": [{"symbol": "CL", "may_cross": True}]}, "r")
    assert scored(Ticks(crossed, NAMES), always)[0] == [0, 0, 0]


def test_prices_may_be_negative_where_it_is_said() -> None:
    oil = rows(4, price=[-37 * 10**9, -38 * 10**9, 0, 10**9], size=10**9, kind=1)
    assert scored(Ticks(oil, NAMES), NOTHING)[0] == [2, 2, 2, 0]
    allowed = parse({"instruments": [{"symbol": "CL", "may_be_negative": True}]}, "r")
    assert scored(Ticks(oil, NAMES), allowed)[0] == [0, 0, 0, 0]


def test_sides_merge_where_it_is_said() -> None:
    sides = rows(2)
    sides["bid_px"][0], sides["ask_px"][1] = 101 * 10**9, 100 * 10**9
    sides["present"] = [int(NULLABLE["bid_px"]), int(NULLABLE["ask_px"])]
    known = {"instruments": [{"symbol": "CL", "may_cross": False}]}
    assert scored(Ticks(sides, NAMES), parse(known, "r"))[0] == [0, 0]
    merged = parse(known | {"channels": {"FEED.A": {"sides": "merge"}}}, "r")
    assert scored(Ticks(sides, NAMES), merged)[0] == [0, 2]


def test_settings_hold_a_reference() -> None:
    assert dataclasses.replace(PipelineSettings(), reference=NOTHING) == PipelineSettings()


TRIANGLE = [{"symbol": "EURUSD"}, {"symbol": "USDJPY"}, {"symbol": "EURJPY", "power": -1}]


def test_relations_are_read_as_json_and_as_toml(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"relations": [{"name": "t", "constant": 1, "legs": TRIANGLE}]}))
    (tmp_path / "r.toml").write_text(
        '[[relations]]\nname = "t"\nconstant = 1.0\n'
        'legs = [{symbol = "EURUSD"}, {symbol = "USDJPY"}, {symbol = "EURJPY", power = -1}]\n'
    )
    assert load(tmp_path / "r.json") == load(tmp_path / "r.toml")
    (relation,) = load(tmp_path / "r.json").relations
    assert (relation.constant, relation.tolerance_bp) == (1.0, 0.0)
    assert [(leg.symbol, leg.venue, leg.power) for leg in relation.legs] == [
        ("EURUSD", None, 1.0), ("USDJPY", None, 1.0), ("EURJPY", None, -1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("relation", "place"),
    [
        ({"name": "t", "legs": TRIANGLE[:1]}, "relations.0.legs"),
        ({"name": "", "legs": TRIANGLE}, "relations.0.name"),
        ({"name": "t", "legs": TRIANGLE, "constant": 0}, "relations.0.constant"),
        ({"name": "t", "legs": TRIANGLE, "constant": float("inf")}, "relations.0.constant"),
        ({"name": "t", "legs": TRIANGLE, "tolerance_bp": -1}, "relations.0.tolerance_bp"),
        ({"name": "t", "legs": [*TRIANGLE, {"power": 1}]}, "relations.0.legs.3.symbol"),
        ({"name": "t", "legs": TRIANGLE, "tolerance": 1}, "relations.0.tolerance"),
    ],
)
def test_a_relation_that_is_none_is_said_to_be(relation: dict[str, object], place: str) -> None:
    with pytest.raises(SettingsError, match=f"r.toml: {place}: "):
        parse({"relations": [relation]}, "r.toml")


def test_everything_wrong_with_relations_is_listed_at_once() -> None:
    listed = [{"symbol": f"S{k}"} for k in range(10)]
    twice = [{"symbol": "S1"}, {"symbol": "S1", "venue": "V"}, {"symbol": "S2", "power": 0}]
    wrong = {
        "instruments": listed,
        "sessions": {"V": "NONE"},
        "relations": [{"name": "t", "legs": TRIANGLE}, {"name": "t", "legs": twice}],
    }
    with pytest.raises(SettingsError) as error:
        parse(wrong, "r.toml")
    said = str(error.value)
    for found in (
        "calendar NONE",
        "2 are named t",
        "relations.0 (t): found symbol EURUSD",
        "relations.0 (t): found symbol USDJPY",
        "relations.1 (t): found S1 in 2 legs",
        "relations.1 (t): found power 0",
    ):
        assert found in said
    assert "\n" not in said
    # Legs of one symbol on different venues are a relation, and symbols need no list.
    parse(
        {"relations": [{"name": "t", "legs": [{"symbol": "S1", "venue": "V"}, {"symbol": "S1", "venue": "W", "power": -1}]}]}, "r"
    )


def test_legs_of_a_relation_share_a_shard_with_each_other_and_with_their_peers() -> None:
    data = {"relations": [{"name": "t", "legs": TRIANGLE}], "instruments": [{"symbol": "USDJPY", "peers": ["USDCHF"]}]}
    reference = parse(data, "r")
    assert reference.groups() == dict.fromkeys(("EURJPY", "EURUSD", "USDCHF", "USDJPY"), "EURJPY")
    # They do not move alike: the legs of a relation are not peers.
    assert reference.peer_groups == {"USDCHF": "USDCHF", "USDJPY": "USDCHF"}


def test_relations_of_two_sources_are_kept(tmp_path: Path) -> None:
    one, other = ({"relations": [{"name": name, "legs": TRIANGLE}]} for name in ("t", "u"))
    both = merged(parse(one | {"relations": [*one["relations"], *other["relations"]]}, "r"), parse(other, "r"))
    assert [relation.name for relation in both.relations] == ["t", "u"]
