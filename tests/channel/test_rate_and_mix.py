"""Rates and mixes of channels against those of their peers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.channel_streams import VENUES, fading, several, shifted
from tests.support.streams import Scored, Tape, at, merged, score
from tickproof.channel.control_rows import SECOND_SIGN
from tickproof.channel.step import ChannelSettings, ChannelState, step
from tickproof.feeds import rate_and_mix as shifts
from tickproof.feeds.monitor import Watch
from tickproof.feeds.peers import ACCEPTED_S, WARM_S, find_peers
from tickproof.findings.finding import Finding, Severity
from tickproof.findings.tracker import Tracker
from tickproof.ticks.schema import Ticks, concat


def shifts_of(found: Scored) -> list[str]:
    return sorted(finding.code for code in ("rate_shift", "mix_shift") for finding in found.of(code))


@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES)
def test_a_rate_that_fades_on_one_channel_is_a_shift(venue: str) -> None:
    """
    20 ··· 30          40 ───╲      48 ········· 60
    all are lively           one loses up to 70 %
    """
    found = shifted((venue,), 0.7)
    (shift,) = found.of("rate_shift")
    assert (shift.channel, shift.venue, shift.symbol, shift.severity) == (f"{venue}.A", None, None, Severity.WARNING)
    assert at(40) < shift.detected_at < at(54)
    # Seen before all of it was lost, so no less than what is left is measured.
    assert shift.measured is not None
    assert shift.threshold is not None
    assert 0.1 < shift.measured < shift.threshold < shift.reference == 1.0
    assert "3 other channels" in shift.corroboration[0]
    assert shifts_of(found) == ["rate_shift"]


@pytest.mark.slow
def test_a_share_of_trades_that_fades_is_a_shift_of_the_mix() -> None:
    found = shifted(("BATS",), 0.9, trades_only=True)
    (shift,) = found.of("mix_shift")
    assert shift.channel == "BATS.A"
    assert at(40) < shift.detected_at < at(56)
    assert "share of trades" in shift.corroboration[0]
    assert shifts_of(found) == ["mix_shift"]


@pytest.mark.slow
@pytest.mark.parametrize("trades_only", [False, True])
def test_what_all_channels_share_is_a_regime(trades_only: bool) -> None:
    assert shifts_of(shifted(VENUES, 0.8, trades_only=trades_only)) == []


@pytest.mark.slow
def test_a_lively_market_is_a_regime() -> None:
    assert shifts_of(score(several(), shards=2)) == []


@pytest.mark.slow
def test_a_channel_without_peers_is_not_checked() -> None:
    """Nothing tells its shift from a lull of its market."""
    ticks = several(fading(("XNAS",), 0.9))
    alone = ticks.take(np.array([ticks.names[code] == "XNAS.A" for code in ticks.rows["channel"]]))
    assert shifts_of(score(alone, shards=2)) == []


@pytest.mark.slow
def test_others_who_carry_other_symbols_are_no_peers() -> None:
    tapes = []
    for number, venue in enumerate(VENUES):
        tape = Tape(f"{venue}.A", venue)
        for k in range(7_000):
            # Of the last channel only a part from 50 s on.
            if number < 3 or k < 5_000 or k % 4 == 0:
                tape.quote(k * 0.01, symbol=f"{venue}{k % 7}")
        tapes.append(tape)
    assert shifts_of(score(merged(*tapes), shards=2)) == []


@pytest.mark.slow
def test_news_of_one_name_is_no_shift_of_its_channel() -> None:
    """Half of a channel's messages are of one symbol for ten seconds, and of the others' too, or of the others' none."""
    usual = several()
    for venues in (VENUES, VENUES[:1]):
        extra = []
        for venue in venues:
            tape = Tape(f"{venue}.A", venue)
            for k in range(800):
                price = 100 + 0.01 * (k % 40)
                tape.quote(45 + k * 0.0125, price - 0.01, price + 0.01, symbol="S03", sequence=None)
            extra.append(tape)
        rows = merged(*extra)
        both = score(_together(usual, rows), shards=2)
        assert shifts_of(both) == []


def _together(one: Ticks, other: Ticks) -> Ticks:
    both = concat([one, other])
    both.rows["present"] &= np.uint16(0xFFFF ^ 2)
    return both.take(np.argsort(both.rows["ts_recv"], kind="stable"))


@pytest.mark.slow
def test_results_do_not_depend_on_cuts_or_shards() -> None:
    ticks = several(fading(("ARCX",), 0.7))
    whole = score(ticks, shards=1)
    for cuts, shards in ((range(0, len(ticks), 501), 1), ((), 5)):
        found = score(ticks, cuts, shards=shards)
        assert found.of("rate_shift") == whole.of("rate_shift") != []


def second_sign(second: int, roots: float) -> np.ndarray:
    """Return the control row of a second with an activity, 100 ticks of 20 symbols, one in ten a trade."""
    sign = np.zeros(1, SECOND_SIGN)
    sign["second"], sign["roots"], sign["symbols"], sign["ticks"], sign["trades"] = second, roots, 20, 100, 10
    return sign[0]


def lines_of(count: int) -> np.ndarray:
    lines = np.zeros(count, shifts.LINE)
    find_peers(lines)
    return lines


def run(lines: np.ndarray, activity: np.ndarray) -> list[list[int]]:
    """Check seconds of activity, shape (seconds, lines); return by second which lines are off."""
    out = np.zeros(len(lines) * len(shifts.MEASURES), shifts.DEVIATION)
    found = []
    for second, values in enumerate(activity.tolist(), start=1_000):
        for line, roots in enumerate(values):
            if roots > 0:
                shifts.take_second(lines[line], second_sign(second, roots))
        found.append(out["line"][: shifts.check_second(lines, second, out)].tolist())
    return found


def noise(seconds: int, lines: int, seed: int = 3) -> np.ndarray:
    """Return a regime that all share, a random walk of the logarithm, with a tenth of noise of each."""
    rng = np.random.default_rng(seed)
    shared = np.exp(np.cumsum(rng.normal(0, 0.1, (seconds, 1)), axis=0).clip(-1, 1))
    return 40.0 * shared * np.exp(rng.normal(0, 0.1, (seconds, lines)))


@pytest.mark.slow
def test_no_alarm_in_long_shared_regimes() -> None:
    found = run(lines_of(5), noise(5_000, 5))
    assert found == [[]] * 5_000


def test_a_level_that_holds_is_accepted() -> None:
    activity = noise(600, 5)
    activity[100:, 2] *= 0.5
    found = run(lines_of(5), activity)
    seconds = [second for second, lines in enumerate(found) if lines]
    assert {line for lines in found for line in lines} == {2}
    assert 100 < seconds[0] < 110
    assert ACCEPTED_S < seconds[-1] - 100 < 3 * ACCEPTED_S


def test_nothing_is_off_before_the_warm_up() -> None:
    activity = noise(60, 5)
    activity[WARM_S:, 1] *= 0.3
    first = next(second for second, lines in enumerate(run(lines_of(5), activity)) if lines)
    assert first >= WARM_S


def test_a_channel_that_is_silent_is_not_off() -> None:
    """Nor are the others, whose peers have become fewer."""
    activity = noise(200, 5)
    activity[100:120, 1] = 0.0
    activity[99, 1] *= 0.3
    assert run(lines_of(5), activity) == [[]] * 200


def test_with_one_peer_it_is_the_one_that_moved() -> None:
    activity = noise(200, 2)
    activity[:, :] = 40.0 * np.exp(np.random.default_rng(4).normal(0, 0.05, (200, 2)))
    activity[100:, 1] *= 0.4
    assert {line for lines in run(lines_of(2), activity) for line in lines} == {1}


def test_peers_are_of_one_feed_or_share_symbols() -> None:
    lines = np.zeros(4, shifts.LINE)
    lines["feed"] = [0, 0, 1, 2]
    lines["sketch"][:, 0] = [5, 6, 5, 7]
    find_peers(lines)
    peers = [set(line["peers"][: line["peer_count"]].tolist()) for line in lines]
    assert peers == [{1, 2}, {0}, {0}, set()]


def signs_of(ticks: Ticks) -> Ticks:
    """Return the control rows of all channels of some ticks, in the order in which they were known."""
    parts = []
    for venue in VENUES:
        name = f"{venue}.A"
        mine = ticks.take(ticks.rows["channel"] == ticks.names.index(name))
        parts.append(step(ChannelState.new("1"), mine, name, ChannelSettings()).signs)
    signs = concat(parts)
    return signs.take(np.argsort(signs.rows["event_time"], kind="stable"))


@pytest.mark.slow
def test_a_watch_continues_after_packing_as_without() -> None:
    signs = signs_of(several(fading(("ARCX",), 0.7)))
    half = int(np.searchsorted(signs.rows["event_time"], at(30)))
    first, rest = signs.take(slice(half)), signs.take(slice(half, None))
    watch, other = Watch("1"), Watch("1")
    assert watch.observe(first, Tracker("1")) == []
    other.unpack(watch.pack())
    assert other.pack() == watch.pack() != Watch("1").pack()
    found: list[Finding] = watch.observe(rest, Tracker("1"))
    assert {(finding.code, finding.channel) for finding in found} == {("rate_shift", "ARCX.A")}
    assert other.observe(rest, Tracker("1")) == found
    assert other.pack() == watch.pack()
