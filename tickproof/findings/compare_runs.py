"""Two runs over the same ticks, compared by their findings: what is the same, new, gone, or said otherwise.

A finding is found again by its id, which comes from code, scope and the first tick's position, and so says nothing of topics,
offsets or frames. Compared is everything that it says but where its evidence was read from: results are a function of the ticks,
and no other difference between two runs is one of chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from tickproof.findings.finding import Finding

PLACES = frozenset({"origin", "topic", "partition", "offset", "row"})
"""Within evidence: where it was read from."""
BY_OFFSET = frozenset({"payload_unreadable", "schema_changed"})
"""Codes of payloads that are no ticks: where their channel has not spoken yet, the id comes from partition and offset."""


@dataclass(frozen=True, slots=True)
class Change:
    """One finding that two runs have, and do not say the same of. `fields` are the names of what differs, as in its JSON."""

    before: Finding
    after: Finding
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How the findings of a run differ from those of an earlier one; each list by `first_ts` and id.

    Parameters
    ----------
    same : int
        Findings that both runs have, and say the same of.
    new, gone : tuple of Finding
        That only the later run has, and only the earlier.
    changed : tuple of Change
    """

    same: int
    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    changed: tuple[Change, ...]

    @property
    def is_same(self) -> bool:
        """Whether the runs say the same."""
        return not (self.new or self.gone or self.changed)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "is_same": self.is_same,
            "same": self.same,
            "new": [msgspec.to_builtins(finding) for finding in self.new],
            "gone": [msgspec.to_builtins(finding) for finding in self.gone],
            "changed": [msgspec.to_builtins(change) for change in self.changed],
        }


def last_revisions(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The last revision of each finding by id. Of two with the same number the later one: a restart repeats revisions."""
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
        Of the earlier run and of the later one; of each finding its last revision counts.
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
    """Take those out of both whose ids come from offsets and that are of one code, scope and time, in order."""
    waiting: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(old.values(), key=_order):
        if finding.code in BY_OFFSET:
            waiting.setdefault(_moment(finding), []).append(finding)
    for finding in sorted(new.values(), key=_order):
        found = waiting.get(_moment(finding), []) if finding.code in BY_OFFSET else []
        if found:
            earlier = found.pop(0)
            del old[earlier.id], new[finding.id]
            yield earlier, finding


def _moment(finding: Finding) -> tuple[object, ...]:
    return finding.code, finding.channel, finding.first_ts


def _order(finding: Finding) -> tuple[int, str]:
    return finding.first_ts, finding.id


def _differing(one: Finding, other: Finding) -> tuple[str, ...]:
    """Names of what two findings do not agree on; their ids have been matched."""
    mine, theirs = msgspec.to_builtins(one), msgspec.to_builtins(other)
    for plain in (mine, theirs):
        plain["evidence"] = _without_places(plain["evidence"])
        del plain["id"]
    return tuple(name for name in mine if mine[name] != theirs[name])


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(item) for name, item in value.items() if name not in PLACES}
    return [_without_places(item) for item in value] if isinstance(value, list) else value
