"""Model cards: what a model is, what it was trained on, how to reproduce it, where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.store.artifact import Manifest


def render(manifest: Manifest) -> str:
    """Return the card as Markdown, made from the manifest alone."""
    parameters = ", ".join(f"{name} {value}" for name, value in manifest.parameters.items() if value not in ((), []))
    training: dict[str, Any] = manifest.metrics.get("training", {})
    lines = [
        f"# Model {manifest.version}",
        "",
        "Scores single ticks of market data: how rarely a clean tick looks so wrong. Gradient-boosted trees of scikit-learn over"
        f" {len(manifest.feature_names)} features, scored by compiled code that gives the same bits.",
        "",
        f"- Deployed threshold: score {manifest.threshold:g}. A share of at most 10^−s of clean ticks reaches a score s.",
        f"- Trained on: {manifest.data}",
        f"- Parameters: {parameters}; seed {manifest.seed}",
        f"- Libraries: {', '.join(f'{name} {version}' for name, version in manifest.libraries.items())}",
        f"- Version of the rules at training: {manifest.rules_version}",
        "",
        "## Reproduce",
        "",
        f"    {manifest.command}",
        "",
        "The same machine type and libraries give the same bytes; the hashes are in `manifest.json`.",
        "",
        "## Measured on rows that the trees did not see",
        "",
        f"Clean rows {training.get('clean_held_out', 0)}, at or above the threshold {training.get('clean_held_out_flagged', 0)},"
        f" before corroboration lowers any. Scores were calibrated on {training.get('clean_calibrated', 'these')} clean rows;"
        " `tickproof evaluate` measures others.",
        "",
        "| kind | rows trained on | rows held out | of these at or above the threshold |",
        "|---|---:|---:|---:|",
    ]
    for kind, row in sorted(training.get("kinds", {}).items()):
        share = "–" if row["held_out_flagged"] is None else f"{row['held_out_flagged']:.1%}"
        lines.append(f"| `{kind}` | {row['trained']} | {row['held_out']} | {share} |")
    lines += [
        "",
        "## Limits",
        "",
        "- Trees find next to nothing of a kind that they were not trained on; rules have to.",
        "- Scores hold for traffic like the clean rows above. Beyond the sample they rest on an exponential tail.",
        "- Rows are single ticks: gaps, silence and clocks are found by rules on channels, not here.",
        "",
        "## Features, in order",
        "",
        ", ".join(f"`{name}`" for name in manifest.feature_names),
    ]
    return "\n".join(lines) + "\n"
