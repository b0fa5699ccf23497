"""Whether a channel's rate, or its mix of messages, leaves its regime; checked once a second, over all channels.

Rates of markets vary tenfold within minutes, and self-excitation makes counts many times as scattered as chance would. What
tells a shift from a regime is that a regime is shared: channels of one feed, and those that carry the same symbols, rise and
fall together. So a measure of a window is compared with the channel's own usual value and with what its peers do meanwhile,
and the scale of a residual is that of the channel's own residuals. A channel without peers is not checked: nothing tells its
shift from a lull of its market.

The rate is taken as the sum over symbols of the roots of their counts, second by second. The root steadies the variance
(Anscombe, "The transformation of Poisson, binomial and negative-binomial data", 1948), and news of one name or stuffing,
which is many messages of few symbols in few seconds, moves it little: a median over the seconds of a window moves less still.

It fails where a shift is smaller than LEAST_SHIFT, or slower than the memory of the usual values (a half-life of two
minutes), and for channels with fewer than LEAST_TICKS messages a second; half of the peers shifting together is a regime.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.channel.second_counts import SKETCH
from tickproof.feeds.peers import (
    ACCEPTED_S,
    FORGETS,
    PEERS,
    RING_S,
    WARM_S,
    compare_activity,
    is_active,
    second_of,
)
from tickproof.kernel import array_kernel, kernel
from tickproof.ticks.records import Record, Records

MEASURES = ("rate", "share of trades", "share of trades with a condition", "size")
"""What is watched, by Measure; the first is the rate, the others are of the mix."""


class Measure(IntEnum):
    """Places of MEASURES."""

    RATE = 0
    TRADES = 1
    CONDITIONS = 2
    SIZES = 3


RATE, TRADES, CONDITIONS, SIZES = (int(measure) for measure in Measure)
WINDOWS_S = (5, 10, 20, 60)
_M, _W = len(MEASURES), len(WINDOWS_S)

VALUES = np.dtype(
    [
        ("second", "<i8"),
        ("activity", "<f8"),
        ("symbols", "<i8"),
        ("ticks", "<i8"),
        ("trades", "<i8"),
        ("explained", "<i8"),
        ("sized", "<i8"),
        ("log_size", "<f8"),
        ("moved", "<i8"),
        ("top", "<i8"),
        ("residual", "<f8"),
    ]
)
"""One second (second − 1 s, second] of a channel: sum over symbols of the roots of their counts, how many symbols; quotes and
trades, trades, those of them with a condition, symbols whose first tick carries a size, and the sum of its logarithms;
quotes that moved a price, ticks of the busiest symbol; `residual`: of the logarithm of the activity, NaN unknown."""
USUAL = np.dtype([("level", "<f8"), ("own", "<f8"), ("log_scale", "<f8"), ("seen", "<i8"), ("own_seen", "<i8")])
"""Of one measure and window: the usual value relative to what peers do, the usual value itself, logarithm of the residual's
usual size, seconds learnt from, and those in which there was anything to learn of the value itself."""
LINE = np.dtype(
    [
        ("feed", "<i8"),
        ("heard", "<i8"),
        ("sketch", "<u4", (SKETCH,)),
        ("peers", "<i8", (PEERS,)),
        ("peer_count", "<i8"),
        ("ring", VALUES, (RING_S,)),
        ("usual", USUAL, (_M, _W)),
        ("level", "<f8"),
        ("seen", "<i8"),
        ("run", "<i8", (_M,)),
        ("off", "<i8", (_M,)),
        ("moved_share", "<f8"),
    ]
)
"""One channel. `heard`: its messages so far; `level`: usual logarithm of its activity relative to that of its peers, learnt in
`seen` seconds. `run`: seconds in a row, with its sign, in which a measure was off; `off`: how many of them were reported;
`moved_share`: the usual share of quotes that move a price."""
DEVIATION = np.dtype(
    [
        ("line", "<i8"),
        ("measure", "<i8"),
        ("window", "<i8"),
        ("value", "<f8"),
        ("usual", "<f8"),
        ("bound", "<f8"),
        ("peers", "<i8"),
    ]
)
"""A measure that is off: the channel's place, the Measure, the window in seconds; its value, what was to be expected, and the
bound that it passed, in logarithms; how many peers it was compared with."""
MEASURED = np.dtype([("value", "<f8"), ("size", "<f8"), ("residual", "<f8"), ("symbols", "<f8")])
"""One measure of a window: its value in logarithms, NaN if there is none; how much it was made from; the median residual of its
seconds (of the rate only); symbols a second."""
REGIME = np.dtype([("level", "<f8"), ("peers", "<i8")])
"""What a channel's peers say of the regime, in logarithms, and how many they are."""

LEAST_EXPECTED, LEAST_SIZED = 10.0, 50
"""Trades of a window, or those with a condition, that are to be expected before their share means anything, and sizes
before their mean does."""
LASTING_S = 2
"""A channel that falls silent is off once, by a part of a second; so a measure must be off for so many in a row."""
LEAST_SHIFT = np.array([[0.20, 0.18, 0.16, 0.15], [0.50, 0.45, 0.40, 0.35], [1.00, 0.80, 0.70, 0.60], [0.50, 0.45, 0.40, 0.35]])
"""By measure and window, in logarithms; that of the rate is of its root: 0.20 are 33 % fewer messages."""
_PRIOR = np.array([[0.05, 0.04, 0.04, 0.04], [0.12, 0.10, 0.08, 0.08], [0.30, 0.25, 0.20, 0.20], [0.12, 0.10, 0.10, 0.10]])
"""The usual size of a residual before anything is known, likewise."""
SCALE_RATE, TO_SIGMA = 0.03, 1.4826
SCALES, SCALES_OF_FEW = 6.0, 8.0
"""How many times its usual size a residual must have; with fewer than MANY_PEERS, of which one may be off itself, more."""
MANY_PEERS = 3
ONE_SYMBOL = 1.5
"""A name that halts, or has news, moves its channel by about its part of it, and channels with other names by other parts."""
OVERDISPERSION = 1.5
"""Variance of counts of trades within a window over that of chance; much of the excitation is in what peers share."""
_TINY = 1e-3

Floats = npt.NDArray[np.float64]


class Cell(NamedTuple):
    """A measure, and the place of its window in WINDOWS_S."""

    measure: int
    window: int


@kernel()
def take_second(line: Record, sign: Record) -> None:
    """Take one second of a channel, a SECOND_SIGN."""
    one = second_of(line, sign.second)
    one.second = sign.second
    one.activity = sign.roots
    one.log_size = sign.log_size
    one.symbols = sign.symbols
    one.ticks = sign.ticks
    one.trades = sign.trades
    one.explained = sign.explained
    one.sized = sign.sized
    one.moved = sign.moved
    one.top = sign.top
    one.residual = np.nan
    line.heard = sign.messages


@array_kernel()
def check_second(lines: Records, second: int, out: Records) -> int:
    """Check a second that is complete for all channels, and learn from it.

    Each window is measured for all channels first, then compared with what their peers say, and learnt last: results do not
    depend on the order of the channels.

    Parameters
    ----------
    lines : array of LINE
    second : int
        The second (second − 1 s, second].
    out : array of DEVIATION
        With room for one a channel and measure.

    Returns
    -------
    int
        How many were written.
    """
    n = len(lines)
    measured, regimes = np.zeros((n, _M), MEASURED), np.zeros(n, REGIME)
    worst, deviations, candidate = np.zeros((n, _M)), np.zeros((n, _M), DEVIATION), np.zeros(1, DEVIATION)
    compare_activity(lines, second)
    for w in range(_W):
        for c in range(n):
            _measure(lines[c], second, WINDOWS_S[w], measured[c])
        for m in range(_M):
            cell = Cell(m, w)
            for c in range(n):
                _find_regime(lines, c, cell, measured, regimes[c])
            for c in range(n):
                one = measured[c, m]
                if math.isnan(one.value):
                    continue
                usual = lines[c].usual[m, w]
                if usual.seen == 0:
                    usual.log_scale = math.log(_PRIOR[m, w])
                off = _deviation(usual, cell, one, regimes[c], candidate[0])
                if abs(off) > abs(worst[c, m]):
                    worst[c, m] = off
                    deviations[c, m] = candidate[0]
                if off == 0.0 or lines[c].off[m] >= ACCEPTED_S:
                    _learn(usual, one.value, regimes[c], m != RATE)
    return _report_lasting(lines, worst, deviations, out)


@array_kernel()
def _measure(line: Record, second: int, window: int, out: Records) -> None:
    """Write the MEASURED of each measure over the `window` seconds that end with `second`."""
    for m in range(_M):
        out[m].value = np.nan
    logs = np.empty(RING_S)
    count, symbols, ticks, trades, explained, sized, log_size, share = 0, 0, 0, 0, 0, 0, 0.0, 0.0
    for s in range(second - window + 1, second + 1):
        one = second_of(line, s)
        if not is_active(one, s):
            continue
        logs[count] = math.log(one.activity)
        count += 1
        symbols += one.symbols
        ticks += one.ticks
        trades += one.trades
        explained += one.explained
        sized += one.sized
        log_size += one.log_size
        share += float(one.trades) / float(one.ticks)
    if not is_active(second_of(line, second), second) or 4 * count < 3 * window:
        return
    for m in range(_M):
        out[m].symbols = symbols / count
    _write(out[RATE], np.median(logs[:count]), count)
    out[RATE].residual = _median_residual(line, second, window)
    _write(out[TRADES], math.log(share / count + _TINY), ticks)
    if trades > 0:
        _write(out[CONDITIONS], math.log((explained + 0.5) / (trades + 1.0)), trades)
    if sized >= LEAST_SIZED:
        _write(out[SIZES], log_size / sized, sized)


@kernel()
def _write(out: Record, value: float, size: float) -> None:
    out.value = value
    out.size = size


@array_kernel()
def _median_residual(line: Record, second: int, window: int) -> float:
    """Return the median of single seconds' residuals: that of their values is anywhere while the regime changes."""
    residuals, count = np.empty(RING_S), 0
    for s in range(second - window + 1, second + 1):
        one = second_of(line, s)
        if one.second == s and not math.isnan(one.residual):
            residuals[count] = one.residual
            count += 1
    return np.median(residuals[:count]) if 4 * count >= 3 * window else np.nan


@array_kernel()
def _find_regime(lines: Records, c: int, cell: Cell, measured: Records, out: Record) -> None:
    """Write what the peers of channel `c` say of the regime: the median of their values relative to their usual ones.

    Of the rate, the median residual says the same, second by second.
    """
    m, w = cell.measure, cell.window
    relative, count = np.empty(PEERS), 0
    is_warm = lines[c].usual[m, w].seen >= WARM_S
    for k in range(lines[c].peer_count):
        p = lines[c].peers[k]
        theirs = lines[p].usual[m, w]
        # Those that have just come say nothing yet, unless nobody does.
        if not math.isnan(measured[p, m].value) and (theirs.seen >= WARM_S or not is_warm):
            relative[count] = measured[p, m].value - theirs.level
            count += 1
    out.level = np.median(relative[:count]) if count > 0 else 0.0
    out.peers = count
    if m == RATE:
        out.level = measured[c, m].value - measured[c, m].residual
        if math.isnan(measured[c, m].residual):
            out.peers = 0


@kernel()
def _deviation(usual: Record, cell: Cell, measured: Record, regime: Record, out: Record) -> float:
    """Return by how many bounds a value is off, with its sign, or 0; what is off is written to `out`, a DEVIATION."""
    if regime.peers == 0 or usual.seen < WARM_S:
        return 0.0
    expected = usual.level + regime.level
    residual, own = measured.value - expected, measured.value - usual.own
    scale = max(math.exp(usual.log_scale), _chance(cell.measure, expected, measured.size))
    scales = SCALES if regime.peers >= MANY_PEERS else SCALES_OF_FEW
    bound = max(scales * scale, LEAST_SHIFT[cell.measure, cell.window] + ONE_SYMBOL / measured.symbols)
    # With few peers, one of which may be off itself, a channel must have left its own usual value, too.
    if not abs(residual) > bound or (regime.peers < MANY_PEERS and own * residual <= 0.5 * residual * residual):
        return 0.0
    out.window = WINDOWS_S[cell.window]
    out.peers = regime.peers
    out.value = measured.value
    out.usual = expected
    out.bound = expected + math.copysign(bound, residual)
    return residual / bound


@kernel()
def _chance(measure: int, expected: float, size: float) -> float:
    """Return the deviation that chance alone gives a value that was made from `size`; infinite where that is too little."""
    if measure == RATE:
        # The root of a count varies by a half, whatever the count; the sum over symbols by the root of their number, at most.
        return 0.6 / math.sqrt(math.exp(expected) * size)
    if measure == SIZES:
        return 2.0 / math.sqrt(size)
    count = math.exp(expected) * size
    return math.sqrt(OVERDISPERSION / count) if count >= LEAST_EXPECTED else math.inf


@kernel()
def _learn(usual: Record, value: float, regime: Record, has_level: bool) -> None:
    """Learn a measure's usual value, its usual value relative to the regime, and the usual size of the residual."""
    residual = value - usual.level - regime.level
    usual.own += (value - usual.own) * max(FORGETS, 1.0 / (usual.own_seen + 1.0))
    usual.own_seen += 1
    if regime.peers == 0:
        return
    if usual.seen >= WARM_S:
        # Stochastic approximation of a median (Robbins and Monro, 1951), on the logarithm: what is far off does not widen it.
        usual.log_scale += SCALE_RATE if abs(residual) > math.exp(usual.log_scale) / TO_SIGMA else -SCALE_RATE
        bound = 3.0 * math.exp(usual.log_scale)
        residual = min(max(residual, -bound), bound)
    if has_level:
        usual.level += residual * max(FORGETS, 1.0 / (usual.seen + 1.0))
    usual.seen += 1


@kernel()
def _report_lasting(lines: Records, worst: Floats, deviations: Records, out: Records) -> int:
    """Write what has been off for LASTING_S seconds in a row, in the same direction; return how many were written."""
    written = 0
    for c in range(len(lines)):
        line = lines[c]
        for m in range(_M):
            if worst[c, m] == 0.0:
                line.run[m] = line.off[m] = 0
                continue
            sign = 1 if worst[c, m] > 0.0 else -1
            line.run[m] = line.run[m] + sign if line.run[m] * sign > 0 else sign
            if abs(line.run[m]) >= LASTING_S:
                line.off[m] += 1
                out[written] = deviations[c, m]
                out[written].line = c
                out[written].measure = m
                written += 1
    return written
