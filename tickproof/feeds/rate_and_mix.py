"""Does a channel's rate, or its mix of messages, drift out of its regime? Compiled; once a second, over all that meet.

Rates of markets vary tenfold within minutes, and self-excitation makes counts many times as scattered as chance would. What
tells a shift from a regime is that a regime is shared: channels of one feed, and those that carry the same symbols, rise and
fall together. So a measure of a window is held against the channel's own usual value and against what its peers do meanwhile,
and the scale that a residual is measured by is that of the channel's own residuals. A channel without peers is not judged:
nothing tells its shift from a lull of its market.

The rate is taken as the sum over symbols of the roots of their counts, second by second. The root steadies the variance
(Anscombe, "The transformation of Poisson, binomial and negative-binomial data", 1948), and news of one name or stuffing,
which is many messages of few symbols in few seconds, moves it little: a median over the seconds of a window moves less still.

It fails where a shift is smaller than LEAST_SHIFT, or slower than the memory of the usual values (a half-life of two
minutes), and for channels with fewer than LEAST_TICKS messages a second; half of the peers shifting together is a regime.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.channel.second_counts import SKETCH
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Array

MEASURES = ("rate", "share of trades", "share of trades with a condition", "size")
"""What is watched; the first is the rate, the others are of the mix."""
RATE, TRADES, CONDITIONS, SIZES = range(4)
WINDOWS_S = (5, 10, 20, 60)
_M, _W = len(MEASURES), len(WINDOWS_S)
RING_S = 64
PEERS = 16
"""At most so many peers of a channel are asked."""

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
"""One channel. `level`: usual logarithm of its activity beside that of its peers, learnt in `seen` seconds. `run`: seconds in
a row, with its sign, in which a measure was off; `off`: how long it has been told of;
`moved_share`: the usual share of quotes that move a price."""
VERDICT = np.dtype([("line", "<i8"), ("measure", "<i8"), ("window", "<i8"), ("value", "<f8"), ("usual", "<f8"), ("bound", "<f8"),
                    ("peers", "<i8")])  # fmt: skip
"""A measure that is off: its value, what was to be expected, and the bound that it passed, in logarithms."""

LEAST_TICKS = 5
LEAST_EXPECTED, LEAST_SIZED = 10.0, 50
"""Trades of a window, or those with a condition, that are to be expected before their share means anything, and sizes
before their mean does."""
WARM_S = 15
LASTING_S = 2
FAR = 0.5
ACCEPTED_S = 120
HALF_LIFE_S = 120.0
LEAST_SHIFT = np.array([[0.20, 0.18, 0.16, 0.15], [0.50, 0.45, 0.40, 0.35], [1.00, 0.80, 0.70, 0.60], [0.50, 0.45, 0.40, 0.35]])
"""By measure and window, in logarithms; that of the rate is of its root: 0.20 are 33 % fewer messages."""
_PRIOR = np.array([[0.05, 0.04, 0.04, 0.04], [0.12, 0.10, 0.08, 0.08], [0.30, 0.25, 0.20, 0.20], [0.12, 0.10, 0.10, 0.10]])
SCALE_RATE, TO_SIGMA = 0.03, 1.4826
SCALES, SCALES_OF_FEW = 6.0, 8.0
"""How many times its usual size a residual must have; with fewer than MANY peers, of which one may be off itself, more."""
MANY = 3
ONE_SYMBOL = 1.5
"""A name that halts, or has news, moves its channel by about its part of it, and channels with other names by other parts."""
OVERDISPERSION = 1.5
"""Variance of counts of trades within a window over that of chance; much of the excitation is in what peers share."""
BURST_SYMBOLS = 4
"""Of fewer, it is their own: without its busiest one nothing is left of a channel of one."""
BURST_QUOTES, BURST_SCALES, BURST_RESIDUAL, BURST_BESIDE_FEW, BURST_MOVES = 100, 8.0, 0.3, 0.6, 0.6
"""A burst has so many quotes in a second; its activity is above what peers let expect by so many scales, and by so much of a
logarithm at least, with a few peers by more (0.3 are 1.8 times the messages, where symbols have several each); and at most this
part of the usual share of quotes moves a price."""
_FORGETS = 1.0 - 2.0 ** (-1.0 / HALF_LIFE_S)
_TINY = 1e-3


@array_kernel()
def tell(line, sign):  # type: ignore[no-untyped-def]
    """Take one second of a channel, a SECOND_SIGN."""
    one = line.ring[sign.second % RING_S]
    one.second, one.activity, one.log_size = sign.second, sign.roots, sign.log_size
    one.symbols, one.ticks, one.trades = sign.symbols, sign.ticks, sign.trades
    one.explained, one.sized = sign.explained, sign.sized
    one.moved, one.top, one.residual = sign.moved, sign.top, np.nan
    line.heard = sign.heard


@array_kernel()
def _look(line, second, window, logs, out):  # type: ignore[no-untyped-def]
    """Fill `out` with (value, how much it was made from) by measure; NaN where there is none."""
    out[:, 0] = np.nan
    count, symbols, ticks, trades, explained, sized, log_size, share = 0, 0, 0, 0, 0, 0, 0.0, 0.0
    for s in range(second - window + 1, second + 1):
        one = line.ring[s % RING_S]
        if one.second != s or one.ticks < LEAST_TICKS:
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
    newest = line.ring[second % RING_S]
    if newest.second != second or newest.ticks < LEAST_TICKS or 4 * count < 3 * window:
        return
    out[RATE, 0] = np.median(logs[:count])
    out[RATE, 1] = count
    out[RATE, 2] = _residual(line, second, window, logs)
    out[:, 3] = symbols / count
    out[TRADES, 0] = math.log(share / count + _TINY)
    out[TRADES, 1] = ticks
    if trades > 0:
        out[CONDITIONS, 0] = math.log((explained + 0.5) / (trades + 1.0))
        out[CONDITIONS, 1] = trades
    if sized >= LEAST_SIZED:
        out[SIZES, 0] = log_size / sized
        out[SIZES, 1] = sized


@array_kernel()
def _residual(line, second, window, room):  # type: ignore[no-untyped-def]
    """The median of what single seconds had beside their peers: that of the values is anywhere while the regime changes."""
    count = 0
    for s in range(second - window + 1, second + 1):
        one = line.ring[s % RING_S]
        if one.second == s and not math.isnan(one.residual):
            room[count] = one.residual
            count += 1
    return np.median(room[:count]) if 4 * count >= 3 * window else np.nan


@array_kernel()
def _hold_beside(lines, second, others):  # type: ignore[no-untyped-def]
    """Work out what each channel's activity of a second is beside its peers'."""
    n = len(lines)
    beside = np.full(n, np.nan)
    for c in range(n):
        one = lines[c].ring[second % RING_S]
        if one.second == second and one.ticks >= LEAST_TICKS:
            beside[c] = math.log(one.activity)
    for c in range(n):
        line = lines[c]
        count = 0
        for k in range(line.peer_count):
            p = line.peers[k]
            # Those that have just come say nothing yet, unless nobody does.
            if not math.isnan(beside[p]) and (lines[p].seen >= WARM_S or line.seen < WARM_S):
                others[count] = beside[p] - lines[p].level
                count += 1
        line.ring[second % RING_S].residual = beside[c] - line.level - np.median(others[:count]) if count > 0 else np.nan
    for c in range(n):
        line = lines[c]
        residual = line.ring[second % RING_S].residual
        if math.isnan(beside[c]) or math.isnan(residual) or 0 < line.off[RATE] < ACCEPTED_S:
            continue
        if line.seen >= WARM_S:
            residual = min(max(residual, -FAR), FAR)
        line.level += residual * max(_FORGETS, 1.0 / (line.seen + 1.0))
        line.seen += 1


@array_kernel()
def bursts(lines, second, out):  # type: ignore[no-untyped-def]
    """Which channels had a burst without information in a second that was judged; returns how many VERDICT went to `out`.

    Many times what peers let expect, by all symbols, and a share of moves well below the usual one: news moves prices, and is
    shared. What is no burst teaches the usual share.
    """
    n = 0
    for c in range(len(lines)):
        line = lines[c]
        one = line.ring[second % RING_S]
        quotes = one.ticks - one.trades
        if (
            one.second != second
            or one.symbols < BURST_SYMBOLS
            or quotes < BURST_QUOTES
            or math.isnan(one.residual)
            or line.seen <= WARM_S
        ):
            continue
        share = float(one.moved) / float(quotes)
        least = BURST_RESIDUAL if line.peer_count >= MANY else BURST_BESIDE_FEW
        bound = max(BURST_SCALES * math.exp(line.usual[RATE, 0].log_scale), least) + ONE_SYMBOL / one.symbols
        usual = math.log(one.activity) - one.residual
        # Even without its busiest symbol, whose own burst it may be.
        rest = one.activity - math.sqrt(float(one.top))
        if rest > math.exp(usual + bound) * (1.0 - 1.0 / one.symbols) and share <= BURST_MOVES * line.moved_share:
            out[n].line, out[n].window, out[n].peers = c, 1, line.peer_count
            out[n].value, out[n].usual, out[n].bound = math.log(one.activity), usual, usual + bound
            n += 1
        elif one.moved <= quotes:
            line.moved_share += (share - line.moved_share) * max(0.05, 1.0 / float(max(line.seen - WARM_S, 1)))
    return n


@array_kernel()
def _chance(m, expected, size):  # type: ignore[no-untyped-def]
    """Deviation that chance alone gives a value that was made from `size`; infinite where too little is to be expected."""
    if m == RATE:
        # The root of a count varies by a half, whatever the count; the sum over symbols by the root of their number, at most.
        return 0.6 / math.sqrt(math.exp(expected) * size)
    if m == SIZES:
        return 2.0 / math.sqrt(size)
    count = math.exp(expected) * size
    return math.sqrt(OVERDISPERSION / count) if count >= LEAST_EXPECTED else math.inf


@array_kernel()
def _learn(usual, residual, x, has_peers, has_level):  # type: ignore[no-untyped-def]
    usual.own += (x - usual.own) * max(_FORGETS, 1.0 / (usual.own_seen + 1.0))
    usual.own_seen += 1
    if not has_peers:
        return
    if usual.seen >= WARM_S:
        # Stochastic approximation of a median (Robbins and Monro, 1951), on the logarithm: what is far off does not widen it.
        usual.log_scale += SCALE_RATE if abs(residual) > math.exp(usual.log_scale) / TO_SIGMA else -SCALE_RATE
        bound = 3.0 * math.exp(usual.log_scale)
        residual = min(max(residual, -bound), bound)
    if has_level:
        usual.level += residual * max(_FORGETS, 1.0 / (usual.seen + 1.0))
    usual.seen += 1


@array_kernel()
def _shared(lines, c, place, values, others):  # type: ignore[no-untyped-def]
    """(median of what the peers of a channel say of the regime, how many they are); `place` is (measure, window)."""
    m, w = place
    warm = lines[c].usual[m, w].seen >= WARM_S
    count = 0
    for k in range(lines[c].peer_count):
        p = lines[c].peers[k]
        theirs = lines[p].usual[m, w]
        # Those that have just come say nothing yet, unless nobody does.
        if not math.isnan(values[p, m, 0]) and (theirs.seen >= WARM_S or not warm):
            others[count] = values[p, m, 0] - theirs.level
            count += 1
    return (np.median(others[:count]) if count > 0 else 0.0), count


@array_kernel()
def _is_off(usual, place, seen, verdict):  # type: ignore[no-untyped-def]
    """Fill in `verdict`, and say by how many bounds a value is off, or 0; `seen` is (value, size, shared, peers, symbols)."""
    m, w = place
    x, size, shared, peers, symbols = seen
    if peers == 0 or usual.seen < WARM_S:
        return 0.0
    expected = usual.level + shared
    residual, own = x - expected, x - usual.own
    scale = max(math.exp(usual.log_scale), _chance(m, expected, size))
    bound = max((SCALES if peers >= MANY else SCALES_OF_FEW) * scale, LEAST_SHIFT[m, w] + ONE_SYMBOL / symbols)
    if not abs(residual) > bound or (peers < MANY and own * residual <= 0.5 * residual * residual):
        return 0.0
    verdict.window, verdict.peers = WINDOWS_S[w], peers
    verdict.value, verdict.usual, verdict.bound = x, expected, expected + math.copysign(bound, residual)
    return residual / bound


@array_kernel()
def judge(lines, second, out):  # type: ignore[no-untyped-def]
    """Judge a second that is complete for all channels, and learn from it; returns how many VERDICT were written to `out`.

    `out` has room for one a channel and measure.
    """
    n = len(lines)
    values, regimes = np.empty((n, _M, 4)), np.empty((n, 2))
    logs, others = np.empty(RING_S), np.empty(PEERS)
    worst = np.zeros((n, _M))
    verdicts, candidate = np.zeros((n, _M), VERDICT), np.zeros(1, VERDICT)
    _hold_beside(lines, second, others)
    for w in range(_W):
        for c in range(n):
            _look(lines[c], second, WINDOWS_S[w], logs, values[c])
        for m in range(_M):
            for c in range(n):
                regimes[c, 0], regimes[c, 1] = _shared(lines, c, (m, w), values, others)
                if m == RATE:
                    regimes[c, 0] = values[c, m, 0] - values[c, m, 2]
                    regimes[c, 1] = 0 if math.isnan(values[c, m, 2]) else regimes[c, 1]
            for c in range(n):
                x = values[c, m, 0]
                if math.isnan(x):
                    continue
                usual, shared, peers = lines[c].usual[m, w], regimes[c, 0], np.int64(regimes[c, 1])
                if usual.seen == 0:
                    usual.log_scale = math.log(_PRIOR[m, w])
                off = _is_off(usual, (m, w), (x, values[c, m, 1], shared, peers, values[c, m, 3]), candidate[0])
                if abs(off) > abs(worst[c, m]):
                    worst[c, m] = off
                    verdicts[c, m] = candidate[0]
                if off == 0.0 or lines[c].off[m] >= ACCEPTED_S:
                    _learn(usual, x - usual.level - shared, x, peers > 0, m != RATE)
    return _tell_apart(lines, worst, verdicts, out)


@array_kernel()
def _tell_apart(lines, worst, verdicts, out):  # type: ignore[no-untyped-def]
    """Write down what is off for the second time in a row: a channel that falls silent is off once, by a part of a second."""
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
                out[written] = verdicts[c, m]
                out[written].line, out[written].measure = c, m
                written += 1
    return written


def introduce(lines: Array) -> None:
    """Say who is whose peer: channels of one feed, and those whose symbols are partly the same."""
    sketches, feeds = lines["sketch"], lines["feed"]
    common = ((sketches[:, None, :] == sketches[None, :, :]) & (sketches[:, None, :] > 0)).any(axis=2)
    peers = (common | (feeds[:, None] == feeds[None, :])) & ~np.eye(len(lines), dtype=bool)
    for line, mine in zip(lines, peers, strict=True):
        known = np.flatnonzero(mine)[:PEERS]
        line["peers"][: len(known)] = known
        line["peer_count"] = len(known)
