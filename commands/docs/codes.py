"""`docs/codes.md`: every code, what it means, how it is decided, what its values are and what to do, from `tickproof.codes`."""

from __future__ import annotations

from collections.abc import Iterator

from commands.docs.markdown import NOTICE, table
from tickproof.codes.code import Code, Stage
from tickproof.codes.table import CODES, FAMILIES

_INTRODUCTION = f"""\
# Codes

{NOTICE.format(source="tickproof/codes/")}

A code names one thing that can be wrong with a feed, or unusual: a bit in the `reasons` of a tick, and the `code` of a finding.
Names and bits never change. Terms are those of the [glossary](glossary.md).

- **Class.** `corrupt_tick`: the content of this tick is wrong. `feed_anomaly`: the feed behaves oddly. `market_event`: unusual
  and genuine. `information`: worth knowing, nothing is wrong.
- **Ticks.** What the code alone makes of its ticks. Only `corrupt_tick` makes them corrupt. A model may say more.
- **Severity** of a finding. One step higher while more than 1 % of a scope's ticks in a minute are flagged, and for a whole feed;
  info for what was announced, for a corrupt tick that is only suspected, and for what is a venue's habit.

"""
_HEADER = ("bit", "code", "scope", "class", "severity", "ticks", "meaning")
_STAGES = {
    Stage.READING: "of a recording as a whole",
    Stage.DECODING: "while decoding",
    Stage.CHANNEL: "in the channel stage",
    Stage.SHARD: "in the shard stage",
    Stage.FEED: "where the channels meet",
}
_VALUES = ("measured", "threshold", "reference")


def page() -> str:
    """Return the page."""
    parts = [_INTRODUCTION, table(_HEADER, [_row(code) for code in CODES])]
    for title, codes in FAMILIES.items():
        parts.append(f"\n## {title}\n")
        parts += [_section(code) for code in codes]
    return "".join(parts)


def _row(code: Code) -> tuple[str, ...]:
    link = f"[`{code.name}`](#{code.name})"
    return str(code.bit), link, code.scope, code.class_, code.severity, _quality(code), code.meaning


def _quality(code: Code) -> str:
    return code.quality.name.lower().replace("_", " ")


def _section(code: Code) -> str:
    return "\n".join(["", f"### {code.name}", "", f"**{_sentence(code.meaning)}** {code.advice.why}", "", *_points(code), ""])


def _points(code: Code) -> Iterator[str]:
    yield f"- How: {_sentence(code.how)} {_where(code)}"
    yield f"- Values: {_values(code)}."
    yield f"- Do: {code.advice.action}"
    if code.advice.innocent:
        yield f"- Innocent causes: {code.advice.innocent}"


def _where(code: Code) -> str:
    if not code.checks:
        return "This version does not find it."
    stages = " and ".join(_STAGES[stage] for stage in dict.fromkeys(check.stage for check in code.checks))
    functions = ", ".join(_named(check.function) for check in code.checks)
    final = f"; {_named(code.finalize)} finalizes it" if code.finalize else ""
    return f"Decided {stages}: {functions}{final}."


def _named(function: str) -> str:
    """Return a dotted function as its file and its name."""
    module, _, name = function.partition(":")
    return f"`{module.replace('.', '/')}.py` (`{name}`)"


def _values(code: Code) -> str:
    said = [f"`{field}`: {label}" for field, label in zip(_VALUES, code.labels, strict=True) if label]
    return f"{_UNITS[code.unit]}; {', '.join(said)}" if said else "none"


_UNITS = {
    "times": "how many times too small",
    "messages": "messages",
    "price": "prices",
    "ratio": "ratios",
    "sequence": "sequence numbers or ids",
    "size": "sizes",
    "ns": "ns",
    "ns/s": "ns per second",
}
"""Unit of values -> what they are."""


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
