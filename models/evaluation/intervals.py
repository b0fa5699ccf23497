"""95 % intervals of shares, rates and means of shares, over days and seeds where there are several.

Episodes of one day have more in common than episodes of two. So shares and rates are given by cluster, a day of one stream each:
what the clusters differ beyond chance reduces the number that counts (the design effect of survey sampling; L. Kish, "Survey
Sampling", 1965, section 8.2). Few clusters tell little of how much days differ: below about ten of them an interval may be nearer
to that of independent episodes than it should be.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

from scipy.special import gammaincinv, stdtrit

Z = 1.959963984540054
"""The normal quantile of 97.5 %."""
Count = tuple[int, int]
"""(true, total)."""
Interval = tuple[float, float]


def wilson(found: float, total: float) -> Interval:
    """Return the 95 % interval of a share (Wilson, "Probable inference", 1927); (0, 1) if there was nothing to find."""
    if total == 0:
        return 0.0, 1.0
    share = found / total
    middle = (share + Z * Z / (2 * total)) / (1 + Z * Z / total)
    half = Z * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total)) / (1 + Z * Z / total)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def garwood(events: float, exposure: float) -> Interval:
    """Return the 95 % interval of a rate of rare events (Garwood, "Fiducial limits for the Poisson distribution", 1936)."""
    if exposure == 0:
        return 0.0, math.inf
    low = float(gammaincinv(events, 0.025)) if events else 0.0
    return low / exposure, float(gammaincinv(events + 1, 0.975)) / exposure


def of_share(clusters: Sequence[Count]) -> Interval:
    """Return the interval of a share: Wilson's, for the effective number of observations.

    Parameters
    ----------
    clusters : sequence of (found, total)
    """
    found, total = _sums(clusters)
    worth = 1.0
    if 0 < found < total:
        share = found / total
        worth = _worth(clusters, share, share * (1 - share) * total)
    return wilson(found * worth, total * worth)


def of_rate(clusters: Sequence[Count]) -> Interval:
    """Return the interval of a rate: Garwood's, for the effective number of observations.

    Parameters
    ----------
    clusters : sequence of (events, exposure)
    """
    events, exposure = _sums(clusters)
    worth = _worth(clusters, events / exposure, events) if events and exposure else 1.0
    return garwood(events * worth, exposure * worth)


def of_mean(kinds: Sequence[Mapping[Hashable, Count]]) -> Interval:
    """Return the interval of a mean of kinds' shares.

    As if kinds were independent, each with two found and two missed added (Agresti and Coull, 1998), so that kinds of which all
    were found do not claim certainty. With several clusters, by leaving each out in turn (the jackknife; Tukey, 1958), with the
    quantile of Student's t for as few as there are, where that is wider.

    Parameters
    ----------
    kinds : sequence of mappings
        Cluster -> (found, total).
    """
    if not kinds:
        return 0.0, 1.0
    clusters = {cluster for kind in kinds for cluster in kind}
    mean, variance = _mean(kinds, None), 0.0
    for kind in kinds:
        found, total = _sums(list(kind.values()))
        share = (found + 2) / (total + 4)
        variance += share * (1 - share) / (total + 4)
    half = Z * math.sqrt(variance) / len(kinds)
    count = len(clusters)
    if count > 1:
        means = [_mean(kinds, cluster) for cluster in clusters]
        middle = sum(means) / count
        deviation = math.sqrt((count - 1) / count * sum((one - middle) ** 2 for one in means))
        half = max(half, float(stdtrit(count - 1, 0.975)) * deviation)
    return max(mean - half, 0.0), min(mean + half, 1.0)


def _mean(kinds: Sequence[Mapping[Hashable, Count]], without: Hashable) -> float:
    """Return the mean over kinds of the share found without one cluster; a kind that is then empty is left out."""
    shares = []
    for kind in kinds:
        found, total = _sums([count for cluster, count in kind.items() if cluster != without])
        if total:
            shares.append(found / total)
    return sum(shares) / len(shares) if shares else 0.0


def _worth(clusters: Sequence[Count], share: float, variance: float) -> float:
    """Return the effective share of the counts, at most 1: the variance by chance over that between clusters.

    Parameters
    ----------
    variance : float
        Variance of the sum, if there were no clusters.
    """
    count = len(clusters)
    if count < 2:
        return 1.0
    between = count / (count - 1) * sum((found - share * total) ** 2 for found, total in clusters)
    return 1.0 / max(between / variance, 1.0)


def _sums(clusters: Sequence[Count]) -> Count:
    return sum(found for found, _ in clusters), sum(total for _, total in clusters)
