"""`docs/formats.md`: every recording format, how it is recognised, what it implies and what it cannot tell."""

from __future__ import annotations

from commands.docs.markdown import NOTICE, table
from producers.recordings.registry import RECORDINGS, Format

INTRODUCTION = f"""# Recording formats

{NOTICE.format(source="producers/recordings/registry.py")}

A file is recognised by its first bytes, its header or its path; the formats are tried in the order of this page, and the first
that fits reads the file. Text files and captures may be plain, gzip or zstd.

`tickproof recordings FILE…` counts what a file holds and what could not be decoded. `tickproof recordings FILE… --reference-out
reference.json` writes what the format implies of its channels; `tickproof scan` assumes that by itself, and an entry of
`--reference` overrides it. Terms such as channel and sequence are explained in the [glossary](glossary.md).

"""


def page() -> str:
    """Return the page."""
    overview = table(("format", "what it holds"), [(f"[{one.name}](#{one.name})", one.meaning) for one in RECORDINGS])
    return INTRODUCTION + overview + "".join(_section(one) for one in RECORDINGS)


def _section(format_: Format) -> str:
    facts = format_.facts
    rows = [
        ("recognised by", facts.recognised_by),
        ("clock", facts.clock),
        ("implied `sequence`", facts.sequence),
        ("implied `sides`", facts.sides),
        ("implied trading calendar", facts.calendar),
        ("cannot tell", facts.cannot_tell),
        ("sample", facts.sample),
    ]
    return f"\n## {format_.name}\n\n{format_.meaning}.\n\n" + table(("property", "value"), rows)
