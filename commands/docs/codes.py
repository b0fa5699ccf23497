"""`docs/codes.md`: every code with its bit, scope, class, severity, quality and meaning."""

from __future__ import annotations

from commands.docs.markdown import NOTICE, table
from tickproof.findings.finding import CODES, Quality

HEADER = ("bit", "code", "scope", "class", "severity", "quality of its ticks", "meaning")
INTRODUCTION = f"""# Codes

{NOTICE.format(source="tickproof/findings/finding.py")}

A code names one thing that can be wrong with a feed, or unusual: a bit in the `reasons` of a tick, and the `code` of a finding.
Bits never change. Terms are those of the [glossary](glossary.md).

"""


def page() -> str:
    """Return the page."""
    rows = [
        (str(one.bit), f"`{one.name}`", one.scope, one.class_, one.severity, Quality(one.quality).name.lower(), one.meaning)
        for one in CODES
    ]
    return INTRODUCTION + table(HEADER, rows)
