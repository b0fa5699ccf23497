"""The pages that are made from tables."""

from __future__ import annotations

from collections.abc import Callable

from commands.docs import codes, configuration, formats

PAGES: dict[str, Callable[[], str]] = {
    "codes.md": codes.page,
    "configuration.md": configuration.page,
    "formats.md": formats.page,
}
"""File name below `docs/` -> what returns its text."""
