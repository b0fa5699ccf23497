"""`docs/codes.md`: every code, what it means, how it is decided, what its values are and what to do, from `tickproof.codes`."""

from __future__ import annotations

from collections.abc import Iterator

from tickproof.codes.code import Code, Quality, Stage
from tickproof.codes.table import CODES, FAMILIES

_INTRODUCTION = """\
# Codes

Made from the entries in `tickproof/codes/`; edit those, and renew this page as CONTRIBUTING says.

A code is one thing that can be wrong with a feed, or odd and genuine. Names and bits are stable: a tick's `reasons` has bit *n*
set for the code with that number; findings, labels and reports carry the name.

- **Class.** `corrupt_tick`: the content of this tick is wrong. `feed_anomaly`: the feed behaves oddly. `market_event`: odd, and
  genuine. `information`: worth knowing, nothing is wrong.
- **Tick.** What the code alone makes of its tick: good (0), suspect (1), corrupt (2) or a market event (3). Only `corrupt_tick`
  gives 2. A model may say more.
- **Severity** of a finding. One step higher while more than 1 % of a scope's ticks in a minute are flagged, and for a whole feed;
  info for what was announced, for a corrupt tick that is only suspected, and for what is a venue's habit.

Terms: the *level* of an instrument is the robust recent log price on one venue, and its *scale* the usual absolute deviation from
it. *Other venues* are those that showed the symbol in the last half minute. The *lookahead* is 250 ms of event time; after it a
verdict is final. A basis point (bp) is 1/10 000.
"""

_STAGES = {
    Stage.DECODING: "while decoding",
    Stage.CHANNEL: "by channel",
    Stage.SHARD: "by shard of symbols",
    Stage.FEED: "across the channels of a feed",
}
_EFFECTS = {
    Quality.GOOD: "Its ticks stay good.",
    Quality.SUSPECT: "Its ticks are suspect.",
    Quality.CORRUPT: "Its tick is corrupt.",
    Quality.MARKET_EVENT: "Its tick is a market event.",
}
_VALUES = ("measured", "threshold", "reference")


def page() -> str:
    """Return the page as Markdown."""
    parts = [_INTRODUCTION, _overview()]
    for title, codes in FAMILIES.items():
        parts.append(f"## {title}\n")
        parts += [_section(code) for code in codes]
    return "\n".join(parts)


def _overview() -> str:
    rows = ["| bit | code | class | severity | tick | meaning |", "|---|---|---|---|---|---|"]
    for code in CODES:
        link = f"[`{code.name}`](#{code.name})"
        rows.append(f"| {code.bit} | {link} | `{code.class_}` | {code.severity} | {int(code.quality)} | {code.meaning} |")
    return "\n".join(rows) + "\n"


def _section(code: Code) -> str:
    return "\n".join([f"### {code.name}", "", f"**{_sentence(code.meaning)}** {code.advice.why}", "", *_points(code), ""])


def _points(code: Code) -> Iterator[str]:
    yield f"- Bit {code.bit}, `{code.class_}`, {code.severity}; reported by {code.scope}. {_EFFECTS[code.quality]}"
    yield f"- How: {code.how}. {_where(code)}"
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
    """A dotted function as its file and name."""
    module, _, name = function.partition(":")
    return f"`{module.replace('.', '/')}.py` (`{name}`)"


def _values(code: Code) -> str:
    said = [f"`{field}` is the {label}" for field, label in zip(_VALUES, code.labels, strict=True) if label]
    if not said:
        return "none"
    return f"{', '.join(said)}; in {_UNITS.get(code.unit, code.unit)}"


_UNITS = {
    "price": "ones of the price's currency",
    "size": "ones",
    "ratio": "ratios",
    "sequence": "sequence numbers",
    "ns/s": "ns a second",
}
"""Units whose name alone does not say enough."""


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
