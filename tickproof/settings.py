"""Settings of a run: one model, filled from defaults, a TOML file, TICKPROOF_* variables and options, in that order.

This module reads nothing: `resolve` is given what the file said, the environment and the options. Every value that is wrong is
reported, not only the first, and `Effective.sources` tells where each value in force came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tickproof.errors import SettingsError

PREFIX = "TICKPROOF_"
"""Environment variables: this and a setting's name in capitals."""
OTHER_VARIABLES = frozenset({"TICKPROOF_CACHE", "TICKPROOF_SETTINGS"})
"""Variables with our prefix that are no settings: the folder of fetched jars, and the settings file."""
REMOVED = {"encoding": "frames and JSON are recognised payload by payload"}
"""Settings of earlier versions, and why each is not needed any more. Naming one is an error that says so."""
NO_MODEL = "none"
"""The value of `model`, and the model version in results, of a run with rules only."""
BUILT_IN = "default"
"""The source of a setting that nothing has set."""


class Settings(BaseModel):
    """What a job, a scan or a service is run with. Durations end in their unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brokers: str = Field(
        default="127.0.0.1:9092",
        pattern=r"^[^\s:,]+:\d+(,[^\s:,]+:\d+)*$",
        description="host:port of the brokers, separated by commas",
    )
    prefix: str = Field(
        default="", pattern=r"^[a-zA-Z0-9._-]{0,100}$", description="put before every topic's name; keeps runs apart"
    )
    group: str = Field(default="tickproof", min_length=1, description="consumer group of the job")
    parallelism: int = Field(default=1, ge=1, le=128, description="subtasks of each stage; results do not depend on it")
    shards: int = Field(default=4, ge=1, le=128, description="groups of symbols that are scored together; results depend on it")
    out_of_orderness_ms: int = Field(
        default=1000, ge=0, description="how late a tick of a channel may be; also the watermark's delay"
    )
    idle_after_s: int = Field(
        default=30,
        ge=0,
        description="seconds without records after which a partition no longer holds back the watermark; 0: never, "
        "for producers that write heartbeats to every partition",
    )
    lookahead_ms: int = Field(default=250, ge=0, description="event time that a verdict waits for later ticks before it is final")
    threshold: float = Field(
        default=4.0,
        ge=0,
        description="lowest final_score of a corrupt tick; if not set, the model's own (4: 100 false alarms per million)",
    )
    checkpoint_interval_ms: int = Field(
        default=2000, ge=100, description="time between checkpoints, which is how late exactly-once output becomes visible"
    )
    checkpoint_folder: Path = Field(default=Path(".tickproof/checkpoints"), description="folder of checkpoints and savepoints")
    model: str = Field(default="default", min_length=1, description="alias or folder of the model; `none` for rules only")
    reference: Path | None = Field(
        default=None, description="reference data file, JSON or TOML; without it tick sizes are learnt"
    )

    @property
    def is_rules_only(self) -> bool:
        """Return whether ticks are scored by rules alone, without a model."""
        return self.model == NO_MODEL


@dataclass(frozen=True, slots=True)
class Effective:
    """Settings in force.

    Parameters
    ----------
    settings : Settings
        The values.
    sources : dict
        Name -> `default`, the file's name, `TICKPROOF_…` or `option`.
    """

    settings: Settings
    sources: dict[str, str]

    def is_default(self, name: str) -> bool:
        """Return whether a setting has its built-in value because nothing has set it."""
        return self.sources[name] == BUILT_IN


def resolve(
    file: Mapping[str, Any], environment: Mapping[str, str], options: Mapping[str, Any] | None = None, file_name: str = "file"
) -> Effective:
    """Settings from a file's table, the environment and options; a later one wins.

    Parameters
    ----------
    file : mapping
        What the TOML file said; empty if there is none.
    environment : mapping
        All variables; those without our prefix are ignored.
    options : mapping, optional
        What the command line gave; None values were not given.
    file_name : str
        For messages.

    Raises
    ------
    SettingsError
        One or more values or names are wrong; the line lists all of them.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, BUILT_IN)
    for name, value in file.items():
        values[name], sources[name] = value, file_name
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in OTHER_VARIABLES:
            name = variable.removeprefix(PREFIX).lower()
            values[name], sources[name] = environment[variable], variable
    for name, value in (options or {}).items():
        if value is not None:
            values[name], sources[name] = value, "option"
    try:
        return Effective(Settings.model_validate(values), sources)
    except ValidationError as error:
        problems = [_problem(one["loc"], one["type"], one["msg"], one["input"], sources) for one in error.errors()]
        raise SettingsError("; ".join(problems) + "; `tickproof settings` lists them all") from None


def _problem(location: tuple[int | str, ...], kind: str, message: str, found: object, sources: Mapping[str, str]) -> str:
    name = str(location[0]) if location else "settings"
    where = sources.get(name, "settings")
    if name in REMOVED:
        return f"{name} ({where}): this setting was removed: {REMOVED[name]}; take it out"
    if kind == "extra_forbidden":
        return f"{name} ({where}): no such setting"
    return f"{name} ({where}): found {found!r}, {message[:1].lower()}{message[1:]}"
