"""Calibration: a margin to a score, which is the share of clean traffic that scores as high on a logarithmic scale.

A score s is −log10(p / share): p is the tail probability of the margin on clean traffic that the model has not been trained on,
and share is this part's portion of the false-alarm budget, so that P(score >= s | clean) <= share × 10^−s.

Within the sample p is the empirical share of margins at least as high. Beyond it an exponential tail (a generalised Pareto
tail of shape 0; Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapter 4) is fitted to the highest
margins. Margins are log-odds: where a model's odds are right, clean rows thin out as e^−margin against faults, which is that
shape. A distribution with a heavier tail than an exponential breaks the promise beyond the sample, and only there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tickproof.errors import ModelError

SUPERVISED_SHARE = 0.7
"""The supervised part's share of the false-alarm budget."""
MINIMUM_MARGINS = 1000
POINTS = 250
"""Most points in the body of a table; the tail is a line and needs one more."""
HIGHEST_SCORE = 30.0
"""Where a table ends: far above any threshold, and below the 99 that a rule gives."""
SMALLEST_SCALE = 0.5
"""The tail never falls faster than e^−2 a log-odds: a sample whose top margins are all equal says nothing about what is above."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone, piecewise linear map from margin to score.

    Attributes
    ----------
    margins : tuple of float
        Ascending, at most 256.
    scores : tuple of float
        Not descending, one a margin. Margins outside take the nearest end's score.
    """

    margins: tuple[float, ...]
    scores: tuple[float, ...]
    _table: npt.NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        margins, scores = np.array(self.margins), np.array(self.scores)
        whole = (
            len(margins) == len(scores) and 1 <= len(margins) <= 256 and np.isfinite(margins).all() and np.isfinite(scores).all()
        )
        if not (whole and (np.diff(margins) > 0).all() and (np.diff(scores) >= 0).all()):
            raise ModelError("calibration: expected 1 to 256 ascending margins with a score each; train the model again")
        # One array, made once: turning tuples into arrays at each call would cost more than a small batch does.
        object.__setattr__(self, "_table", np.stack([margins, scores]))

    def apply(self, margins: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Return the scores of margins, shape (n,)."""
        return np.interp(margins, self._table[0], self._table[1]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ByKind:
    """One calibration of quotes and one of trades, so that a feed of trades alone has no more false alarms than a full feed.

    With one for both, the more frequent kind sets the tail: quotes are nine in ten ticks of a full feed, and a hundred in a
    million of a recorded day's trades were called corrupt.
    """

    quotes: Calibration
    trades: Calibration

    def apply(self, margins: npt.NDArray[np.float64], trades: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """Return the scores of margins, shape (n,); `trades` says which are of trades."""
        if not trades.any():
            return self.quotes.apply(margins)
        scores = self.trades.apply(margins)
        if not trades.all():
            scores[~trades] = self.quotes.apply(margins[~trades])
        return scores


def trades_among(features: npt.NDArray[np.float64], names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Return which rows are trades by the feature `is_trade`; none of them where the model does not have it."""
    if "is_trade" not in names:
        return np.zeros(len(features), bool)
    return np.asarray(features[:, names.index("is_trade")] == 1.0)


def calibrate_by_kind(
    margins: npt.NDArray[np.float64],
    trades: npt.NDArray[np.bool_],
    share: float = SUPERVISED_SHARE,
    lowered: npt.NDArray[np.bool_] | None = None,
) -> ByKind:
    """Calibrate quotes and trades; a kind with too few margins takes the calibration of both together.

    Raises
    ------
    ModelError
        Too few margins even together.
    """
    lowered = np.zeros(len(margins), bool) if lowered is None else lowered
    whole = calibrate(margins, share, lowered)
    quotes, traded = (
        calibrate(margins[kind], share, lowered[kind]) if int((kind & ~lowered).sum()) >= MINIMUM_MARGINS else whole
        for kind in (~trades, trades)
    )
    return ByKind(quotes, traded)


def calibrate(
    margins: npt.NDArray[np.float64], share: float = SUPERVISED_SHARE, lowered: npt.NDArray[np.bool_] | None = None
) -> Calibration:
    """Fit a calibration to clean margins.

    Parameters
    ----------
    margins : float64 array, shape (n,)
        Of clean traffic that the model was not trained on, in any order.
    share : float
        This part's share of the false-alarm budget, in (0, 1].
    lowered : bool array, shape (n,), optional
        Margins of ticks whose score deployment lowers, because other venues corroborate them: clean traffic that cannot alarm.
        They count in the whole and not in the tail. Without this, news sets the tail and small faults drown below it.

    Raises
    ------
    ModelError
        Fewer than MINIMUM_MARGINS margins that are not lowered.
    """
    count = len(margins)
    margins = margins if lowered is None else margins[~lowered]
    if len(margins) < MINIMUM_MARGINS:
        raise ModelError(f"calibration: found {len(margins)} clean margins held out, expected {MINIMUM_MARGINS} or more")
    ordered = np.sort(margins)
    size = len(ordered)
    # The tail begins where enough margins remain above to tell its scale within a few per cent.
    above = int(np.clip(size // 1000, 30, 100))
    ranks = np.unique(np.geomspace(above + 1, size, POINTS).astype(np.int64))
    knots = np.unique(ordered[size - ranks])
    at_least = size - np.searchsorted(ordered, knots, side="left")
    scores = np.maximum(-np.log10(at_least / count / share), 0.0)
    first = max(int(np.searchsorted(scores, 0.0, side="right")) - 1, 0)
    knots, scores = knots[first:], scores[first:]
    scale = _tail_scale(ordered[size - above :] - knots[-1], at_least[-1])
    end = knots[-1] + (HIGHEST_SCORE - scores[-1]) * scale * np.log(10.0)
    return Calibration((*map(float, knots), float(end)), (*map(float, scores), HIGHEST_SCORE))


def _tail_scale(excesses: npt.NDArray[np.float64], at_least: int) -> float:
    """Return the scale of an exponential tail, on the safe side.

    The larger of the mean excess with one standard error added, and of the scales that the margins of rank 5 and more ask for:
    the line is then nowhere above the sample, whose tail may be heavier than an exponential.

    Parameters
    ----------
    excesses : float64 array, shape (k,)
        Ascending, over the tail's beginning.
    at_least : int
        Margins at or above the beginning.
    """
    count = len(excesses)
    mean = float(excesses.mean() * (1.0 + 1.0 / np.sqrt(count)))
    ranks = np.arange(5, int(count / np.e) + 1)
    asked = excesses[count - ranks] / np.log(at_least / ranks)
    return max(mean, float(asked.max()), SMALLEST_SCALE)
