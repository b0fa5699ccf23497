"""A step that fails must not stop the feed: the ticks that it fails on are found by halving, and set aside with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tickproof.ticks.schema import Ticks

State = TypeVar("State")
Result = TypeVar("Result")


class Failure(NamedTuple):
    """One tick that a step failed on: its row in the ticks of the call, and what was raised."""

    row: int
    error: Exception


def guarded(
    step: Callable[[State, Ticks, bool], Result], state: State, ticks: Ticks, next_state: Callable[[Result], State]
) -> tuple[State, list[Result], list[Failure]]:
    """Run `step(state, ticks, is_last)` over all ticks but those it fails on.

    Steps work on a copy of their state, so that a failed one leaves the old state whole. Steps do not care how their input is
    cut, so that halving changes nothing for the other ticks. A step without ticks that fails is raised: there is nothing to set
    aside.
    """
    try:
        result = step(state, ticks, True)
    except Exception as error:
        if not len(ticks):
            raise
        return _halve(step, state, (ticks, 0, True), next_state, error)
    return next_state(result), [result], []


def _halve(
    step: Callable[[State, Ticks, bool], Result],
    state: State,
    part: tuple[Ticks, int, bool],
    next_state: Callable[[Result], State],
    error: Exception,
) -> tuple[State, list[Result], list[Failure]]:
    ticks, offset, last = part
    if len(ticks) == 1:
        failures = [Failure(offset, error)]
        if not last:
            return state, [], failures
        # What a last step does besides, such as making older ticks final, is still to be done.
        result = step(state, ticks.take(slice(0, 0)), True)
        return next_state(result), [result], failures
    middle = len(ticks) // 2
    results: list[Result] = []
    all_failures: list[Failure] = []
    for start, end, is_last in ((0, middle, False), (middle, len(ticks), last)):
        half = ticks.take(slice(start, end))
        try:
            result = step(state, half, is_last)
        except Exception as inner:
            state, more, failures = _halve(step, state, (half, offset + start, is_last), next_state, inner)
            results += more
            all_failures += failures
        else:
            state = next_state(result)
            results.append(result)
    return state, results, all_failures
