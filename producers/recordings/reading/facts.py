"""What a person must know of a recording format before trusting a scan of it; `docs/formats.md` is made from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about one recording format, each a phrase for people.

    Parameters
    ----------
    recognised_by : str
        What `recognises` looks at.
    clock : str
        Which clocks a row has, in which zone and unit, and what they become.
    sequence : str
        Modes of `sequence` that the format implies of its channels, in backquotes, with the reason.
    cannot_tell : str
        What a reader of this format cannot know, so that no verdict can rest on it.
    sample : str
        A file name, and where the format is text, a row of it.
    sides : str
        Whether a message's two sides are judged by themselves or merged with the last ones.
    calendar : str
        The trading calendar that the format implies of its venues.
    """

    recognised_by: str
    clock: str
    sequence: str
    cannot_tell: str
    sample: str
    sides: str = "`message`"
    calendar: str = "none"
