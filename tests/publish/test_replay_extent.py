"""How much of some recordings has been handed on: by time where the end is known, else by bytes, little by little."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.publish.replay import shifted
from producers.publish.replay_extent import Reach
from producers.recordings.registry import Tally, open_recordings
from tests.support.recording_samples import lean_zip, write_parquet
from tickproof.ticks.schema import NS_PER_MS, Ticks

ROWS = 100_000
"""Of the LEAN file, one a millisecond: more than the reader takes at once."""


def _recorded(folder: Path) -> Path:
    lines = "".join(f"{34_200_000 + row},1000000,{100 + row % 7},P,1,0\n" for row in range(ROWS))
    return lean_zip(folder, "equity/usa/tick/abc/20131007_trade.zip", ("20131007_abc_trade_tick.csv", lines))


def _at_ends(reach: Reach, batch: Ticks) -> list[float]:
    """The share at the first and at the last tick of a batch."""
    return [reach.share(int(batch.rows["ts_recv"][place])) for place in (0, -1)]


def _followed(reach: Reach, path: Path, tally: Tally, now_ns: int | None = None) -> list[float]:
    ticks = open_recordings([path], tally=tally)
    moved = ticks if now_ns is None else shifted(ticks, now_ns)
    return [share for batch in reach.follow(moved) for share in _at_ends(reach, batch)]


@pytest.mark.parametrize("now_ns", [None, 1_700_000_000 * 10**9])
def test_of_files_that_do_not_say_their_end_bytes_count(tmp_path: Path, now_ns: int | None) -> None:
    path, tally = _recorded(tmp_path), Tally()
    shares = _followed(Reach([path], tally, None), path, tally, now_ns)
    # Several batches, each of which begins where the one before has ended.
    assert len(shares) >= 4
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[2] == pytest.approx(shares[1], abs=1e-3)
    # What has been read of the file when the last batch comes is all but what the zip has beside its rows.
    assert shares[-1] == pytest.approx(1.0, abs=0.02)
    assert tally.reached[path] == path.stat().st_size


def test_within_a_batch_its_bytes_count_by_time(tmp_path: Path) -> None:
    path, tally = _recorded(tmp_path), Tally()
    reach = Reach([path], tally, None)
    batch = next(iter(reach.follow(open_recordings([path], tally=tally))))
    first, last = (int(batch.rows["ts_recv"][place]) for place in (0, -1))
    whole = Reach([path], tally, None)
    next(iter(whole.follow([batch])))
    assert reach.share((first + last) // 2) == pytest.approx(whole.share(last) / 2, rel=1e-3)
    assert reach.share(first) == pytest.approx(whole.share(last) / 2, rel=1e-3), "it never goes back"


def test_where_the_end_is_known_time_counts(tmp_path: Path) -> None:
    path, tally = _recorded(tmp_path), Tally()
    first = int(next(open_recordings([path])).rows["ts_recv"][0])
    reach = Reach([path], tally, first + 50 * NS_PER_MS)
    assert reach.share(first) == 0.0, "before anything was read"
    next(iter(reach.follow(open_recordings([path], tally=tally))))
    assert [reach.share(first + ms * NS_PER_MS) for ms in (0, 10, 50, 70)] == [0.0, 0.2, 1.0, 1.0]


def test_a_parquet_file_counts_by_its_rows(tmp_path: Path) -> None:
    path, tally = write_parquet(tmp_path / "ticks.parquet", rows=ROWS), Tally()
    shares = _followed(Reach([path], tally, None), path, tally)
    assert shares[1] == pytest.approx(65_536 / ROWS, abs=1e-3)
    assert shares[-1] == pytest.approx(1.0, abs=1e-3)
