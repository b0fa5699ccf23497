"""The guard around a step: which ticks it sets aside, what the others see, and when it gives up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.pipeline.guard import LIMIT, Guard
from tests.support.streams import pieces
from tickproof.errors import StepError
from tickproof.ticks.schema import ROW, Ticks, empty

State = tuple[int, ...]
Step = Callable[[State, Ticks, bool], State]


def ticks(count: int) -> Ticks:
    """Ticks that their numbers tell apart."""
    rows = np.zeros(count, ROW)
    rows["sequence"] = np.arange(count)
    return Ticks(rows, ("X.A",))


def failing_on(bad: Collection[int], error: Callable[[int], Exception] = lambda number: ArithmeticError(f"no {number}")) -> Step:
    """A step whose state is the numbers of all ticks that it has seen."""

    def step(state: State, part: Ticks, _last: bool) -> State:
        numbers = part.rows["sequence"].tolist()
        for number in numbers:
            if number in bad:
                raise error(number)
        return (*state, *numbers)

    return step


def run(step: Step, given_ticks: Ticks, cuts: Sequence[int] = ()) -> tuple[State, list[int]]:
    """The state at the end, and the ticks that were set aside."""
    guard: Guard[State, State] = Guard("channel X.A", lambda result: result)
    state: State = ()
    failed: list[int] = []
    for part in pieces(given_ticks, cuts):
        done = guard.run(step, state, part)
        state = done.state
        failed += [int(part.rows["sequence"][row]) for row, _ in done.failures]
    return state, failed


@given(st.sets(st.integers(0, 39)), st.lists(st.integers(0, 40), max_size=5))
def test_the_ticks_that_fail_are_set_aside_and_the_others_seen_in_order(bad: set[int], cuts: list[int]) -> None:
    state, failed = run(failing_on(bad), ticks(40), cuts)
    assert failed == sorted(bad)
    assert state == tuple(number for number in range(40) if number not in bad)


@pytest.mark.parametrize("cuts", [(), (1,), range(0, 3_000, 7)])
def test_one_tick_fewer_than_the_limit_in_a_row_is_set_aside(cuts: Sequence[int]) -> None:
    bad = range(500, 500 + LIMIT - 1)
    state, failed = run(failing_on(bad), ticks(3_000), cuts)
    assert failed == list(bad)
    assert len(state) == 3_000 - len(bad)


@pytest.mark.parametrize("cuts", [(), (1,), range(0, 3_000, 7)])
def test_the_limit_in_a_row_stops_the_run_however_it_is_cut(cuts: Sequence[int]) -> None:
    with pytest.raises(StepError) as stopped:
        run(failing_on(range(500, 500 + LIMIT)), ticks(3_000), cuts)
    said = str(stopped.value)
    assert said.startswith(
        f"channel X.A: {LIMIT:,} ticks in a row failed alike, the last with ArithmeticError: no {499 + LIMIT};"
    )
    assert "\n" not in said
    assert stopped.value.exit_status == 5


@pytest.mark.slow
def test_one_success_in_between_is_enough_to_go_on() -> None:
    """Half of 10 000 ticks fail, and after each 999 failures one succeeds."""
    bad = {number for number in range(10_000) if number % LIMIT}
    assert len(run(failing_on(bad), ticks(10_000))[1]) == 9_990


def test_failures_of_another_kind_are_not_alike() -> None:
    def error(number: int) -> Exception:
        return ArithmeticError() if number % 900 else KeyError()

    assert len(run(failing_on(range(3_000), error), ticks(3_000))[1]) == 3_000


def test_a_step_that_fails_without_ticks_stops_the_run() -> None:
    def step(state: State, part: Ticks, last: bool) -> State:
        raise ArithmeticError("of the state")

    with pytest.raises(StepError, match=r"fails without any tick \(ArithmeticError: of the state\)"):
        run(step, ticks(1))
    with pytest.raises(StepError, match="fails without any tick"):
        Guard[State, State]("shard 1", lambda result: result).run(step, (), empty())


def test_a_step_that_fails_without_ticks_names_what_it_failed_on_before() -> None:
    def step(state: State, part: Ticks, last: bool) -> State:
        raise ArithmeticError("of the tick") if len(part) else KeyError("of nothing")

    said = "KeyError: 'of nothing', after a tick on which it failed with ArithmeticError: of the tick"
    with pytest.raises(StepError, match=said):
        run(step, ticks(1))


def test_what_only_a_last_step_does_is_done_though_its_last_tick_fails() -> None:
    lasts: list[tuple[list[int], bool]] = []

    def step(state: State, part: Ticks, last: bool) -> State:
        done = failing_on({3})(state, part, last)
        lasts.append((part.rows["sequence"].tolist(), last))
        return done

    assert run(step, ticks(4)) == ((0, 1, 2), [3])
    assert lasts[-1] == ([], True)
    assert [last for _, last in lasts].count(True) == 1


def test_no_ticks_do_not_count_as_a_success() -> None:
    """Releases without ticks come between failures."""
    guard: Guard[State, State] = Guard("shard 0", lambda result: result)
    step = failing_on(range(LIMIT))
    every = ticks(LIMIT)
    for number in range(LIMIT - 1):
        guard.run(step, (), every.take(slice(number, number + 1)))
        guard.run(step, (), empty())
    with pytest.raises(StepError):
        guard.run(step, (), every.take(slice(LIMIT - 1, LIMIT)))
