"""Evidence that adds up over messages, compiled, and how much of it is enough: a budget of false alarms that is set.

A test adds up −ln of how likely what is seen is if all is well, and begins anew with what only a sound source does (a message, a
new price): a sequential test with a renewal (Page, Biometrika 41 (1954) 100; Wald, Annals of Mathematical Statistics 16 (1945)
117). Were messages independent, a run would end with more than x once in eˣ runs. They are not: they come in clusters, and rates
change. So each test learns the tail of its own runs, which falls off as exp(−x / mean): what it takes is the bound that a run
passes once in `1 / budget` runs, by the mean excess of the runs so far.

=========  =====================================================  ==========================================  =================
kind       what adds up                                           begins anew with                            budget
=========  =====================================================  ==========================================  =================
silent     messages missing, by the instrument's own rate and     the instrument's next message               `Budget.SILENT`
           what the symbol's other venues did meanwhile
frozen     quotes whose price stays though the other venues left  another price                               `Budget.FROZEN`
           it behind, by the venue's habit of following
clock      lowest lags of blocks of messages off the usual one    a sum of zero                               `Budget.CLOCK`
=========  =====================================================  ==========================================  =================
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.records import Record

CLASSES = 8
"""Classes of moments in which a price may follow; see `standstill`."""
TAIL = np.dtype([("mean", "<f8"), ("most", "<f8"), ("runs", "<i8"), ("reported", "<i8")])
"""What a test has seen of its own runs: the mean excess over START_OF_TAIL of those above it, the largest (it fades), how many
were above, and which of them was reported last."""
EVIDENCE = np.dtype(
    [
        # Activity: the last second with a message, how many had one, the others' when this one's last message came, and the mean
        # time between seconds with a message.
        ("second", "<i8"),
        ("seconds", "<i8"),
        ("others_seconds", "<i8"),
        ("gap_s", "<f8"),
        ("silent", TAIL),
        # Prices: the evidence of this run, and since the others' last move, what the others showed at the last quote, and where
        # the run began.
        ("frozen", TAIL),
        ("standing", "<f8"),
        ("still", "<f8"),
        ("others", "<f8"),
        ("run_others", "<f8"),
        ("quotes", "<i8"),
        ("seen", "<f4", (CLASSES,)),
        ("followed", "<f4", (CLASSES,)),
    ]
)
"""What the tests remember of an instrument, beside INSTRUMENT. Zeros: never seen."""


class Budget(NamedTuple):
    """Share of a test's runs above START_OF_TAIL that may pass its bound by chance; of sparse feeds about one message in ten ends
    such a run, so that 3e-5 are three false alarms a million messages."""

    SILENT: float = 3.0e-5
    FROZEN: float = 3.0e-5
    CLOCK: float = 3.0e-5


BUDGET = Budget()
START_OF_TAIL = 1.0
MEAN_BEFORE, RUNS_BEFORE = 1.2, 30.0
"""The mean excess before any was seen, and how many runs that is worth."""
RUNS_KEPT = 500.0
LEAST_MEAN = 0.8
GROWTH, MOST_GROWTH = 1.5, 4.0
"""Nor is it enough what is below so many times the most that turned out to be nothing: more, the farther that was beyond what the
largest of so many runs is where the tail falls off exponentially, as then it does not."""
FADE = 0.999
"""Of the most, with each run."""
RARE = 100
"""A run that was reported is a fault, and no part of the tail, unless another one was among so many before it: then it is how the
source behaves now."""


@kernel()
def _mean_of(tail: Record) -> float:
    """Return the mean excess, by the runs so far and what was known before."""
    count = min(float(tail.runs), RUNS_KEPT)
    return max((RUNS_BEFORE * MEAN_BEFORE + count * tail.mean) / (RUNS_BEFORE + count), LEAST_MEAN)


@kernel()
def _usual_most(tail: Record) -> float:
    """Return about the largest of so many runs whose tail is exponential."""
    return START_OF_TAIL + _mean_of(tail) * math.log(max(float(tail.runs), 3.0))


@kernel()
def bound_of(tail: Record, budget: float) -> float:
    """Return how much evidence is enough, by a test's own runs and its budget."""
    heavier = max(tail.most / _usual_most(tail), 1.0)
    growth = min(GROWTH * heavier * heavier, MOST_GROWTH)
    return max(START_OF_TAIL - math.log(budget) * _mean_of(tail), growth * tail.most)


@kernel()
def end_run(tail: Record, evidence: float, budget: float) -> None:
    """Learn the evidence of a run that ended, which was nothing, or a fault: of that no more than would have been enough."""
    if evidence <= START_OF_TAIL:
        return
    bound = bound_of(tail, budget)
    most = evidence
    if evidence >= bound:
        is_rare = tail.reported == 0 or tail.runs - tail.reported > RARE
        most = min(bound, _usual_most(tail)) if is_rare else bound
        tail.reported = tail.runs + 1
    tail.runs += 1
    tail.mean += (min(evidence, bound) - START_OF_TAIL - tail.mean) / min(float(tail.runs), RUNS_KEPT)
    tail.most = max(most, FADE * tail.most)
