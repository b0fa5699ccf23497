"""The guard around a step: ticks that a step fails on are found by halving and set aside with the reason, and the rest goes on.

An exception in a step is a bug, and a feed must not stop for one tick of it. But where nothing succeeds any more, going on would
turn a whole feed into dead letters: after `LIMIT` ticks in a row that all fail alike the guard raises StepError, which stops the
job. The count is a function of the ticks alone: neither of a clock, nor of how the ticks are cut into calls. It is part of the
state: a job that is started again from a checkpoint counts on, or one that fails on everything would drain a feed into dead
letters between one restart and the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from tickproof.errors import StepError
from tickproof.ticks.schema import Ticks

State = TypeVar("State")
Result = TypeVar("Result")
LIMIT = 1_000
"""Ticks of one channel, or of one shard, that may fail in a row with the same type of exception. A burst of odd ticks that share
a bug is shorter; a feed that is lost to a bug reaches it within seconds."""
ADVICE = "this is a bug, and the run was stopped so as not to turn the feed into dead letters"


class Streak(NamedTuple):
    """How many ticks in a row failed alike: the name of the exception's type, and their number."""

    kind: str = ""
    length: int = 0


NO_STREAK = Streak()


class Failure(NamedTuple):
    """One tick that a step failed on: its row in the ticks of the call, and what was raised."""

    row: int
    error: Exception


class Guarded(NamedTuple, Generic[State, Result]):
    """What came of a guarded call: the state after it, the results of its parts in order, and the ticks that failed."""

    state: State
    results: list[Result]
    failures: list[Failure]


class Guard(Generic[State, Result]):
    """Runs the steps of one channel or of one shard.

    Parameters
    ----------
    scope : str
        The channel or shard, for the message.
    next_state : callable
        The state in a step's result.
    streak : Streak
        Of the ticks before.
    """

    __slots__ = ("_next_state", "_scope", "streak")

    def __init__(self, scope: str, next_state: Callable[[Result], State], streak: Streak = NO_STREAK) -> None:
        self._scope = scope
        self._next_state = next_state
        self.streak = streak

    def run(self, step: Callable[[State, Ticks, bool], Result], state: State, ticks: Ticks) -> Guarded[State, Result]:
        """Run `step(state, ticks, is_last)` over all ticks but those it fails on.

        Steps work on a copy of their state, so that a failed one leaves the old state whole. Steps do not care how their input
        is cut, so that halving changes nothing for the other ticks.

        Raises
        ------
        StepError
            `LIMIT` ticks in a row failed alike, or the step fails without any tick, where there is nothing to set aside.
        """
        run = Guarded[State, Result](state, [], [])
        return self._halve(step, run, (ticks, 0, True))

    def _halve(
        self,
        step: Callable[[State, Ticks, bool], Result],
        run: Guarded[State, Result],
        part: tuple[Ticks, int, bool],
    ) -> Guarded[State, Result]:
        """Go on with one part: its ticks, its first row in the call, and whether it is the last part."""
        ticks, offset, last = part
        try:
            result = step(run.state, ticks, last)
        except Exception as error:
            if not len(ticks):
                before = [_named(failure.error) for failure in run.failures[:1] if _named(failure.error) != _named(error)]
                first = f", after a tick on which it failed with {before[0]}" if before else ""
                raise StepError(f"{self._scope}: a step fails without any tick ({_named(error)}{first}); {ADVICE}") from error
            if len(ticks) > 1:
                middle = len(ticks) // 2
                run = self._halve(step, run, (ticks.take(slice(0, middle)), offset, False))
                return self._halve(step, run, (ticks.take(slice(middle, len(ticks))), offset + middle, last))
            self.count(error)
            run.failures.append(Failure(offset, error))
            # What a last step does besides, such as making older ticks final, is still to be done.
            return self._halve(step, run, (ticks.take(slice(0, 0)), offset, True)) if last else run
        if len(ticks):
            self.streak = NO_STREAK
        run.results.append(result)
        return run._replace(state=self._next_state(result))

    def count(self, error: Exception) -> None:
        """Count one more failure.

        Raises
        ------
        StepError
            It is the last of `LIMIT` in a row that are alike.
        """
        kind = type(error).__name__
        self.streak = Streak(kind, self.streak.length + 1 if kind == self.streak.kind else 1)
        if self.streak.length >= LIMIT:
            raise StepError(
                f"{self._scope}: {LIMIT:,} ticks in a row failed alike, the last with {_named(error)}; {ADVICE}"
            ) from error


def _named(error: Exception) -> str:
    """Return an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
