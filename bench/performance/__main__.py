"""`python -m bench.performance`: measure, and write the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

import click

from bench import stream
from bench.performance.runs import engine_local, job_frames
from bench.performance.steps import REST, STEPS, clocked
from bench.pipeline import model
from bench.report import machine
from jobs.pipeline.settings import pipeline_settings
from tickproof.settings import Settings

RUNS = {
    "engine_local": "the local engine, as `scan` has it: slices of 20 000 ticks over four shards; files are not in it",
    "job_frames": "what the job's Python does to frames of 1 000 ticks, without Flink: slices of 2 000 ticks",
}
INTRODUCTION = """# Where the time goes

Made by `python -m bench.performance --ticks {ticks} --repeats {repeats}`; run it again instead of editing.

Microseconds of processor time a tick, one thread, the median of {repeats} runs and their least and greatest, on {cores} cores of
{processor} that other programs share: use the shares, not the figures. A step's time is its own, without that of steps that
it calls. A stream of {ticks:,} simulated ticks with faults, model `{model}`. Fetch, Beam, Java and the sink are outside
of these runs: `python -m bench --only job_frames` says what Python, Java and the broker use in all.
"""


def measured(run: Callable[[], None], ticks: int, repeats: int) -> dict[str, list[float]]:
    """Return the microseconds a tick of each step, a figure a run; one more run goes before."""
    found: dict[str, list[float]] = {}
    with clocked() as clock:
        run()
        for _ in range(repeats):
            clock.start()
            run()
            clock.turn(REST)
            clock.turn(None)
            for step in (*dict.fromkeys(name for name, _ in STEPS), REST):
                found.setdefault(step, []).append(1e6 * clock.seconds[step] / ticks)
    return found


def section(name: str, found: dict[str, list[float]]) -> str:
    """Return one run as a section of the page."""
    whole = [sum(values) for values in zip(*found.values(), strict=True)]
    lines = [f"\n## {name}\n", f"{RUNS[name][0].upper()}{RUNS[name][1:]}.\n", "| step | µs a tick | least to greatest | share |"]
    lines.append("|---|--:|--:|--:|")
    for step, values in (*found.items(), ("all", whole)):
        if any(values):
            spread = f"{min(values):.2f} to {max(values):.2f}"
            lines.append(f"| {step} | {median(values):.2f} | {spread} | {100 * median(values) / median(whole):.0f} % |")
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--ticks", default=300_000, show_default=True, help="Length of the stream.")
@click.option("--repeats", default=5, show_default=True, help="Runs that count.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("docs/performance.md"), show_default=True)
def main(ticks: int, repeats: int, out: Path) -> None:
    """Measure the steps of a tick's way and write the page."""
    simulated = stream.make(ticks)
    settings = pipeline_settings(Settings(model=model())).opened()
    facts = machine() | {"ticks": ticks, "repeats": repeats, "model": model()}
    page = INTRODUCTION.format(**facts)
    for name, make in (("engine_local", engine_local), ("job_frames", job_frames)):
        click.echo(f"{name}: {repeats} runs", err=True)
        page += section(name, measured(make(simulated, settings), ticks, repeats))
    out.write_text(page, encoding="utf-8")
    click.echo(str(out))


if __name__ == "__main__":
    main()
