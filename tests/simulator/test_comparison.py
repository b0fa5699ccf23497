"""The page that shows a simulated day next to a recorded one, and its charts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands.simulate.comparison import page
from commands.simulate.simulate import command
from producers.market.parameters import Market
from producers.realism.observed_ticks import observe
from producers.realism.stylised_facts import STYLISED
from producers.simulation.day import simulate, simulate_all
from reports.chart import HEIGHT, WIDTH, Chart, Curve
from tickproof.errors import InputError
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import Kind, Ticks

MARKET = Market(seed=2, minutes=12, symbols=4, venues=2, peak_rate=5)


def points(svg: str, style: str) -> list[tuple[float, float]]:
    """Corners of a curve in pixels; none if it is not drawn."""
    root = ET.fromstring(svg)
    path = next((one.attrib["d"] for one in root.iter() if one.attrib.get("class") == f"curve {style}"), "")
    if not path:
        return []
    return [(float(x), float(y)) for x, y in (corner.split() for corner in path[1:].split("L"))]


@pytest.mark.parametrize("is_log", [False, True])
def test_a_straight_line_is_drawn_straight_within_the_frame(is_log: bool) -> None:
    x = np.array([1.0, 2.0, 4.0, 8.0])
    drawn = points(Chart("t", "n", "x", "y", (Curve("a", "simulated", x, 3 * x),), is_log, is_log).svg(), "simulated")
    steps = np.diff(drawn, axis=0)
    assert np.allclose(steps[:, 1] / steps[:, 0], steps[0, 1] / steps[0, 0], rtol=0.02)
    # A logarithmic axis has the same distance from one to two as from four to eight.
    assert np.allclose(steps[0], steps[2] if is_log else steps[2] / 4, atol=0.2)
    assert all(0 <= a <= WIDTH and 0 <= b <= HEIGHT for a, b in drawn)


def test_what_is_no_number_or_not_positive_is_left_out() -> None:
    curve = Curve("a", "recorded", np.array([1.0, 10.0, 100.0, 1000.0]), np.array([1.0, np.nan, 0.0, 10.0]))
    assert len(points(Chart("t", "n", "x", "y", (curve,), True, True).svg(), "recorded")) == 2
    assert len(points(Chart("t", "n", "x", "y", (curve,)).svg(), "recorded")) == 3


def test_an_empty_chart_is_a_frame() -> None:
    nothing = np.zeros(0)
    assert ET.fromstring(Chart("t", "n", "x", "y", (Curve("a", "other", nothing, nothing),), True, True).svg()) is not None


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another simulated market, as a recording."""
    path = tmp_path_factory.mktemp("recording") / "ticks.parquet"
    pq.write_table(to_arrow_table(simulate_all(Market(seed=3, minutes=12, symbols=3, venues=2, peak_rate=5))[0]), path)
    return path


def to_arrow_table(ticks: Ticks) -> object:
    import pyarrow as pa

    return pa.Table.from_batches([to_arrow(ticks)])


@pytest.mark.slow
def test_the_page_stands_by_itself_and_shows_every_fact(recording: Path) -> None:
    text = page(MARKET, observe(simulate(MARKET)), [recording])
    for name in STYLISED:
        assert f"<td>{name}</td>" in text
    assert text.count("<svg") == 7
    # Twelve minutes are too few for memories; tails, spreads, arrivals and their clusters are there.
    assert text.count("curve simulated") >= 4
    assert text.count("curve recorded") >= 4
    assert "http" not in text
    assert "<script" not in text
    # Where the recording lies on this machine is nobody's business.
    assert str(recording.parent) not in text
    assert page(MARKET, observe(simulate(MARKET)), [recording]) == text


def test_a_recording_against_itself_has_the_same_curves(recording: Path) -> None:
    market = Market(seed=3, minutes=12, symbols=3, venues=2, peak_rate=5)
    text = page(market, observe(simulate(market)), [recording])
    drawn = 0
    for part in text.split("<svg")[1:]:
        svg = "<svg" + part[: part.index("</svg>") + 6]
        assert points(svg, "simulated") == points(svg, "recorded")
        drawn += len(points(svg, "simulated")) > 1
    assert drawn >= 3


def test_a_recording_without_quotes_is_one_line(tmp_path: Path) -> None:
    ticks, _ = simulate_all(Market(seed=3, minutes=0.2, symbols=3))
    only = ticks.take(np.flatnonzero(ticks.rows["kind"] == Kind.TRADE))
    pq.write_table(to_arrow_table(only), tmp_path / "trades.parquet")
    with pytest.raises(InputError, match="found no quotes in a regular session of the recordings"):
        page(MARKET, observe(simulate(MARKET)), [tmp_path / "trades.parquet"])


def test_the_command_writes_the_page(tmp_path: Path, recording: Path) -> None:
    arguments = ["--seed", "2", "--minutes", "12", "--symbols", "2", "--no-faults", "--out", str(tmp_path / "day")]
    result = CliRunner().invoke(command, [*arguments, "--compare", str(recording)], catch_exceptions=False)
    assert str(tmp_path / "day" / "comparison.html") in result.output
    assert "A simulated day" in (tmp_path / "day" / "comparison.html").read_text()
