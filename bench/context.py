"""What a case is told: where the broker is, where the stream is, and what to vary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench import stream
from tickproof.ticks.schema import Ticks


@dataclass(frozen=True, slots=True)
class Context:
    """One case's surroundings.

    Parameters
    ----------
    folder : Path
        The run's own: the stream, the broker's data, checkpoints.
    brokers : str
    broker_pid : int
        0 where a case needs no broker.
    ticks : int
        Of the stream for cases that take frames or no broker at all.
    settings, tuning : dict
        Over the job's `Settings` and `Tuning`.
    """

    folder: Path
    brokers: str = ""
    broker_pid: int = 0
    ticks: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    tuning: dict[str, int] = field(default_factory=dict)

    def stream(self, count: int | None = None) -> Ticks:
        """The stream, or its beginning."""
        return stream.load(self.folder, count)

    def pack(self) -> str:
        """As text, for another process."""
        return msgspec.json.encode(self, enc_hook=str).decode()

    @classmethod
    def unpack(cls, text: str) -> Context:
        """What `pack` gave."""
        return msgspec.json.decode(text, type=cls, dec_hook=lambda kind, value: kind(value))
