"""A venue that leaves the others: frozen, drifting, in another unit; and the twins, in which all move or nobody is newer.

Three venues. In `following` the common price walks 1 bp each 100 ms and every venue requotes it, so that half of all quotes
repeat the price before; a price that is set for 100 ms is usual, one for a second is not.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.rule_streams import following, rescaled, second, sliding
from tests.support.streams import VENUES, Market, at
from tickproof.findings.finding import Class, Severity, mask

GOOD, SUSPECT, CORRUPT, MARKET = 0, 1, 2, 3


def test_a_venue_that_goes_on_quoting_one_price_is_frozen() -> None:
    scored = following(frozen_from=602)
    rows = scored.rows_with("frozen")
    assert rows
    assert {scored.ticks.name(int(scored.ticks.rows["venue"][row])) for row in rows} == {"XNAS"}
    # Set at 60.2 s and repeated from then on: reported after a second at the soonest, and long before the end at 100 s.
    assert 61.2 <= second(scored.ticks, rows[0]) < 75.0
    assert (scored.verdicts["final_quality"][rows] == SUSPECT).all()
    first = min(scored.of("frozen"), key=lambda finding: finding.first_ts)
    assert (first.class_, first.severity, first.unit) == (Class.FEED_ANOMALY, Severity.CRITICAL, "price")
    # Step 602 of the walk: two up.
    assert first.measured == pytest.approx(100.02, rel=1e-6)
    values = [value for value in (first.measured, first.threshold, first.reference) if value is not None]
    assert len(values) == 3
    assert values in (sorted(values), sorted(values, reverse=True))


@pytest.mark.parametrize("moves", [True, False])
def test_a_market_that_moves_together_or_not_at_all_is_not_frozen(moves: bool) -> None:
    scored = following(frozen_from=10_000, moves=moves)
    assert not scored.rows_with("frozen")
    assert set(scored.verdicts["final_quality"].tolist()) == {GOOD}


def test_prices_that_slide_away_from_two_others_drift() -> None:
    """1 bp a quote from 20 s on: 12 scales of half a basis point and 5 bp lie behind it within a second."""
    scored = sliding(VENUES[:1])
    rows = scored.rows_with("drift")
    assert {scored.ticks.name(int(scored.ticks.rows["venue"][row])) for row in rows} == {"XNAS"}
    assert 21.0 <= second(scored.ticks, rows[0]) < 22.0
    assert (scored.verdicts["final_quality"][rows] == CORRUPT).all()
    wrong = np.flatnonzero(scored.verdicts["final_quality"] == CORRUPT)
    moments = [second(scored.ticks, int(row)) for row in wrong if row in set(scored.where(venue="XNAS").tolist())]
    # Without a break until it comes back at 28 s, and nothing of the others.
    assert len(moments) == len(wrong)
    assert len([moment for moment in moments if 22 <= moment < 28]) == 120
    assert max(moments) < 28.0


@pytest.mark.parametrize("venues", [VENUES, VENUES[1:], VENUES[:2]])
def test_a_trend_that_two_share_is_no_drift(venues: tuple[str, ...]) -> None:
    """Where two of three slide, the third is the one that stays behind: it cannot be two against one."""
    scored = sliding(venues)
    sliders = [row for venue in venues for row in scored.where(venue=venue)]
    drifting = set(scored.rows_with("drift"))
    assert sliders
    assert not drifting & set(sliders)


def test_one_other_venue_is_no_majority() -> None:
    market = Market(venues=VENUES[:2], warm_s=20.0)
    market.go_on(20, 28, lambda t: 100.0 + 0.2 * (t - 20), venues=VENUES[:1])
    market.go_on(20, 28, 100.0, venues=VENUES[1:2])
    assert not market.scored().rows_with("drift")


@pytest.mark.parametrize("factor", [1.35, 0.6, 100.0])
def test_a_ratio_that_stays_is_a_change_of_unit(factor: float) -> None:
    """Every 50 ms: the twentieth comes after 0.95 s, the two seconds are full at the forty-first."""
    scored = rescaled(VENUES[:1], factor)
    rows = scored.rows_with("unit_change")
    assert second(scored.ticks, rows[0]) == pytest.approx(14.0)
    assert len(rows) == 60
    mine = [row for row in scored.where(venue="XNAS") if 12 <= second(scored.ticks, row) < 17]
    assert (scored.verdicts["final_quality"][mine] == CORRUPT).all()
    assert not (scored.verdicts["final_quality"][scored.where(venue="ARCX")] == CORRUPT).any()
    (finding,) = scored.of("unit_change")
    assert (finding.measured, finding.reference) == (pytest.approx(100 * factor), pytest.approx(100.0))


def test_a_ratio_that_all_venues_share_is_a_market_event() -> None:
    scored = rescaled(VENUES, 1.35, seconds=20.0)
    assert CORRUPT not in set(
        scored.verdicts["final_quality"][scored.ticks.rows["ts_recv"] < scored.ticks.rows["ts_recv"][0] + 31e9]
    )
    assert not scored.rows_with("unit_change")


def test_a_venue_without_a_price_since_does_not_confirm_a_slide() -> None:
    """Two venues stay while the first slides away, and then send nothing for a second: what it sends then is suspect at most."""
    market = Market(warm_s=20.0)
    market.go_on(20, 22.4, lambda t: 100.0 + 0.2 * (t - 20), venues=VENUES[:1])
    market.go_on(20, 21.4, 100.0, venues=VENUES[1:])
    market.go_on(22.4, 26)
    scored = market.scored()
    rows = scored.where(channel=f"{VENUES[0]}.A")
    verdicts, times = scored.verdicts[rows], scored.ticks.rows["ts_recv"][rows]
    drift = (verdicts["final_reasons"] & np.uint64(mask(["drift"]))) != 0
    contradicted, alone = drift & (times < at(21.3)), drift & (times > at(21.4)) & (times < at(22.1))
    assert contradicted.any()
    assert alone.any()
    assert set(verdicts["final_quality"][contradicted].tolist()) == {CORRUPT}
    assert set(verdicts["final_quality"][alone].tolist()) == {SUSPECT}
