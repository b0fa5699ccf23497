"""A simulated day compared with a recorded one, as a page: the output of `tickproof simulate --compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from producers.market.hours import HOUR_NS, Session
from producers.market.parameters import Market
from producers.realism import stylised_facts
from producers.realism.observed_ticks import Observation, observe
from producers.realism.stylised_facts import STYLISED, autocorrelation
from producers.recordings.registry import open_recordings
from reports.chart import Chart, Curve
from reports.comparison import Comparison, FactRow, render
from tickproof.errors import InputError
from tickproof.ticks.rfc3339 import iso
from tickproof.ticks.schema import NS_PER_SECOND

Floats = npt.NDArray[np.float64]
BIN_S = 600
LAGS = np.arange(1, 61)
WINDOWS_S = np.array([1, 2, 5, 10, 20, 50, 100, 200])


def page(market: Market, seen: Observation, paths: Sequence[Path]) -> str:
    """Return the page on a simulated stream and some recordings.

    Each is cut to its first regular session by the calendar of the market's profile. The charts show one name of each: of the
    recording the most active one, of the simulation the one closest to it in activity and spread.

    Raises
    ------
    InputError
        There are no recordings, or one of the two has no quotes in a session.
    """
    recorded = _session_of(observe(open_recordings(paths)), market, "the recordings")
    simulated = _session_of(seen, market, "the simulated stream")
    real = max(recorded.main(), key=lambda one: int(recorded.counts[recorded.symbol[one]].sum()))
    name = min(simulated.main(), key=lambda one: _unlike(simulated, int(one), recorded, int(real)))
    both = (simulated, int(name), "simulated"), (recorded, int(real), "recorded")
    files = " ".join(f"--compare {path.name}" for path in paths)
    command = f"tickproof simulate --seed {market.seed} --profile {market.profile} --start {iso(market.start_ns, 0)}"
    command += f" --minutes {market.minutes:g} --symbols {market.symbols} --no-faults {files} --out FOLDER"
    measured = [stylised_facts.measure(one) for one in (simulated, recorded)]
    return render(
        Comparison(
            _title("Simulated", simulated, int(name)),
            _title("Recorded", recorded, int(real)),
            command,
            _charts(both),
            [
                FactRow(fact.name, fact.formula, fact.source, fact.low, fact.high, *(_known(one[fact.name]) for one in measured))
                for fact in STYLISED.values()
            ],
        )
    )


def _session_of(seen: Observation, market: Market, what: str) -> Observation:
    end_ns = seen.start_ns + seen.seconds * NS_PER_SECOND
    sessions: list[Session] = market.character.hours.sessions(seen.start_ns, end_ns)
    for session in sessions:
        part = seen.within(max(session.open, seen.start_ns), min(session.close, end_ns))
        if part.seconds > BIN_S and len(part.main()):
            return part
    raise InputError(f"compare: found no quotes in a regular session of {what}, expected ten minutes of one name; choose more")


def _unlike(one: Observation, a: int, other: Observation, b: int) -> float:
    """Return the distance of two names in logarithms of activity and of the spread in basis points."""
    values = [
        (seen.counts[seen.symbol[k]].mean(), np.nanmean(seen.spreads[k]) * seen.ticks[k] / np.nanmean(seen.mids[k]))
        for seen, k in ((one, a), (other, b))
    ]
    return float(sum(abs(np.log(x / y)) for x, y in zip(*values, strict=True)))


def _title(what: str, seen: Observation, series: int) -> str:
    venue, symbol = seen.series[series]
    price, rate = np.nanmean(seen.mids[series]), seen.counts[seen.symbol[series]].mean()
    return (
        f"{what}: {symbol} on {venue}, {iso(seen.start_ns, 0)[:10]}, {seen.seconds / 3600:.3g} hours, price about {price:.4g}, "
        f"{rate:.2g} moments a second on all venues"
    )


def _charts(both: Sequence[tuple[Observation, int, str]]) -> list[Chart]:
    normal = np.linspace(0.5, 4.0, 60)
    beyond = np.array([np.mean(np.abs(np.random.default_rng(1).standard_normal(200_000)) > one) for one in normal])
    return [
        Chart(
            "Tails of one-minute returns",
            "Share of returns beyond a multiple of the day's deviation.",
            "deviations",
            "share beyond",
            (*(_tail(*one) for one in both), Curve("a normal distribution", "other", normal, beyond)),
            log_x=True,
            log_y=True,
        ),
        Chart(
            "Memory of returns",
            "Autocorrelation of one-minute returns; chance alone gives about ± 0.1 in a day.",
            "minutes",
            "autocorrelation",
            tuple(_memory(*one, absolute=False) for one in both),
        ),
        Chart(
            "Memory of volatility",
            "Autocorrelation of absolute one-minute returns.",
            "minutes",
            "autocorrelation",
            tuple(_memory(*one, absolute=True) for one in both),
        ),
        Chart(
            "Spread through the day",
            "Mean spread in ten minutes over the day's.",
            "hours after the open",
            "times the day's mean",
            tuple(_through_day(seen, seen.spreads[series], style) for seen, series, style in both),
        ),
        Chart(
            "Arrivals through the day",
            "Moments a second in ten minutes over the day's.",
            "hours after the open",
            "times the day's mean",
            tuple(_through_day(seen, seen.counts[seen.symbol[series]], style) for seen, series, style in both),
        ),
        Chart(
            "Clusters of arrivals",
            "Variance over mean of moments in a window (Fano factor).",
            "seconds",
            "variance over mean",
            (
                *(_fano(*one) for one in both),
                Curve("chance (Poisson)", "other", WINDOWS_S.astype(np.float64), np.ones(len(WINDOWS_S))),
            ),
            log_x=True,
            log_y=True,
        ),
        Chart(
            "Memory of order signs",
            "Autocorrelation of the signs of trades.",
            "trades",
            "autocorrelation",
            tuple(_signs(*one) for one in both),
        ),
    ]


def _minutes(seen: Observation, series: int) -> Floats:
    found: Floats = stylised_facts.returns(seen, np.array([series]), stylised_facts.MINUTE_S)[0]
    known: Floats = found[np.isfinite(found)]
    return known


def _tail(seen: Observation, series: int, style: str) -> Curve:
    moves = _minutes(seen, series)
    ordered = np.sort(np.abs(moves / moves.std()))
    share = 1.0 - np.arange(len(ordered)) / len(ordered)
    return Curve(style, style, ordered[ordered > 0.1], share[ordered > 0.1])


def _memory(seen: Observation, series: int, style: str, *, absolute: bool) -> Curve:
    moves = _minutes(seen, series)
    values = np.abs(moves) if absolute else moves
    return Curve(style, style, LAGS.astype(np.float64), np.array([autocorrelation(values, int(lag)) for lag in LAGS]))


def _signs(seen: Observation, series: int, style: str) -> Curve:
    signs = seen.trades[series][:, 1]
    return Curve(style, style, LAGS.astype(np.float64), np.array([autocorrelation(signs, int(lag)) for lag in LAGS]))


def _through_day(seen: Observation, values: npt.NDArray[np.generic], style: str) -> Curve:
    whole = np.asarray(values, np.float64)[: seen.seconds // BIN_S * BIN_S].reshape(-1, BIN_S)
    means = np.nanmean(whole, axis=1)
    hours = (np.arange(len(means)) + 0.5) * BIN_S * NS_PER_SECOND / HOUR_NS
    return Curve(style, style, hours, means / np.nanmean(whole))


def _fano(seen: Observation, series: int, style: str) -> Curve:
    counts = seen.counts[seen.symbol[series]]
    found = []
    for window in WINDOWS_S:
        whole = counts[: len(counts) // window * window].reshape(-1, window).sum(axis=1)
        found.append(whole.var() / whole.mean())
    return Curve(style, style, WINDOWS_S.astype(np.float64), np.array(found))


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
