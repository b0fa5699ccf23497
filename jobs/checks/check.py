"""The result of a check: a row with a state, what was found, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tickproof.errors import TickproofError
from tickproof.settings import Effective


class State(StrEnum):
    """How a check ended. A check that could not run is `skipped`, never `ok`."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one check.

    Parameters
    ----------
    name : str
        What was checked.
    state : State
        How it ended.
    found : str
        In one line.
    action : str
        What to do next; empty if nothing.
    """

    name: str
    state: State
    found: str
    action: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.found}" + (f"; {self.action}" if self.action else "")


@dataclass(frozen=True, slots=True)
class Subject:
    """The object of the checks.

    Parameters
    ----------
    effective : Effective
        The settings, and where they come from.
    cluster : str, optional
        `HOST:PORT` of a session cluster's REST interface.
    """

    effective: Effective
    cluster: str | None = None


Check = Callable[[Subject], Row]


def run(name: str, check: Check, subject: Subject) -> Row:
    """Run a check; an expected error that it raises is its failure."""
    try:
        return check(subject)
    except TickproofError as error:
        found, _, action = str(error).partition("; ")
        return Row(name, State.FAIL, found, action)
