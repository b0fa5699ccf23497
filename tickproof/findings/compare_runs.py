"""Compare the findings of two runs over the same ticks: which are the same, new, gone or changed.

Findings are matched by their id, which comes from code, scope and the first tick's position, and so does not depend on topics,
offsets or frames. Everything in them is compared except where the evidence was read from: results are a function of the ticks,
so any other difference between two runs has a cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from tickproof.findings.finding import Finding

PLACES = frozenset({"origin", "topic", "partition", "offset", "row"})
"""Names within evidence that say where it was read from."""
BY_OFFSET = frozenset({"payload_unreadable", "schema_changed"})
"""Codes of payloads that could not be decoded: their id comes from partition and offset."""


@dataclass(frozen=True, slots=True)
class Change:
    """One finding that differs between two runs; `fields` are the names of what differs, as in its JSON."""

    before: Finding
    after: Finding
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How the findings of a run differ from those of an earlier one; each list by `first_ts` and id.

    Parameters
    ----------
    same : int
        Findings that are equal in both runs.
    new, gone : tuple of Finding
        Findings of the later run only, and of the earlier only.
    changed : tuple of Change
    """

    same: int
    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    changed: tuple[Change, ...]

    @property
    def is_same(self) -> bool:
        """Whether the runs have the same findings."""
        return not (self.new or self.gone or self.changed)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON builtins."""
        return {
            "is_same": self.is_same,
            "same": self.same,
            "new": [msgspec.to_builtins(finding) for finding in self.new],
            "gone": [msgspec.to_builtins(finding) for finding in self.gone],
            "changed": [msgspec.to_builtins(change) for change in self.changed],
        }


def last_revisions(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return the last revision of each finding by id; of two with one number the later, as restarts repeat them."""
    last: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in last or finding.revision >= last[finding.id].revision:
            last[finding.id] = finding
    return last


def compare(before: Iterable[Finding], after: Iterable[Finding]) -> Difference:
    """Compare the findings of two runs over the same ticks.

    Parameters
    ----------
    before, after : iterable of Finding
        Findings of the earlier run and of the later one; only the last revision of each counts.
    """
    old, new = last_revisions(before), last_revisions(after)
    pairs = [(old.pop(identity), new.pop(identity)) for identity in sorted(old.keys() & new.keys())]
    pairs += _paired_by_time(old, new)
    changed = []
    for one, other in pairs:
        fields = _differing(one, other)
        if fields:
            changed.append(Change(one, other, fields))
    return Difference(
        len(pairs) - len(changed),
        tuple(sorted(new.values(), key=_order)),
        tuple(sorted(old.values(), key=_order)),
        tuple(sorted(changed, key=lambda change: _order(change.before))),
    )


def _paired_by_time(old: dict[str, Finding], new: dict[str, Finding]) -> Iterator[tuple[Finding, Finding]]:
    """Take findings whose ids come from offsets out of both, and yield them in pairs of one code, channel and time, in order."""
    unmatched: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(old.values(), key=_order):
        if finding.code in BY_OFFSET:
            unmatched.setdefault(_moment(finding), []).append(finding)
    for finding in sorted(new.values(), key=_order):
        found = unmatched.get(_moment(finding), []) if finding.code in BY_OFFSET else []
        if found:
            earlier = found.pop(0)
            del old[earlier.id], new[finding.id]
            yield earlier, finding


def _moment(finding: Finding) -> tuple[object, ...]:
    return finding.code, finding.channel, finding.first_ts


def _order(finding: Finding) -> tuple[int, str]:
    return finding.first_ts, finding.id


def _differing(one: Finding, other: Finding) -> tuple[str, ...]:
    """Return the names of the fields that differ between two findings whose ids were matched."""
    mine, theirs = msgspec.to_builtins(one), msgspec.to_builtins(other)
    for plain in (mine, theirs):
        plain["evidence"] = _without_places(plain["evidence"])
        del plain["id"]
    return tuple(name for name in mine if mine[name] != theirs[name])


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(item) for name, item in value.items() if name not in PLACES}
    return [_without_places(item) for item in value] if isinstance(value, list) else value
