"""Errors a person can act on.

TickproofError            exit status 1
├── SettingsError         2  a setting or an argument is wrong
├── InputError            3  what was read is not what it should be
│   ├── TickError            columns that are not ticks
│   └── WireError            a payload that is not ticks
├── ModelError            3  a model that cannot be loaded or does not fit
├── ServiceError          4  a broker, a cluster or a registry is not there
└── StepError             5  a step fails on everything: a bug, for which the run was stopped
"""

from __future__ import annotations


class TickproofError(Exception):
    """An expected error: its text is one line that says what, where, found, expected, and what to do."""

    exit_status = 1


class SettingsError(TickproofError):
    """A setting or an argument is wrong."""

    exit_status = 2


class InputError(TickproofError):
    """What was read is not what it should be."""

    exit_status = 3


class TickError(InputError):
    """Columns that are not ticks."""


class WireError(InputError):
    """A payload that is not ticks.

    Parameters
    ----------
    message : str
        What is wrong and where.
    schema_changed : bool
        The bytes are whole but their columns are not the canonical ones.
    """

    def __init__(self, message: str, *, schema_changed: bool = False) -> None:
        super().__init__(message)
        self.schema_changed = schema_changed


class ModelError(TickproofError):
    """A model that cannot be loaded, or does not fit these features."""

    exit_status = 3


class ServiceError(TickproofError):
    """A broker, a cluster or a registry is not there."""

    exit_status = 4


class StepError(TickproofError):
    """A step of the pipeline fails on every tick: a bug, for which the run was stopped."""

    exit_status = 5
