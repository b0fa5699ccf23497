"""The version of the rules, which every verdict and finding carries: a change of a result raises it."""

from __future__ import annotations

VERSION = "4"
