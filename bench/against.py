"""Two builds side by side: each case by turns in processes of each, compared by processor time.

A build brings its own bench, because a case calls what its build has; both read the same stream and the same topics. A case in
one process is timed by the processor's clock in place of the wall's, so that what else the machine does counts little; a job's
case says itself what Python, Java and the broker used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.context import Context
from bench.report import Result

JOBS = {"job_frames", "job_json", "pyflink_per_record"}
"""Cases that run in several processes and measure these themselves."""
CLOCK = """
import importlib, sys, time, types
name, module, packed, is_job = sys.argv[1:]
case, context = importlib.import_module(module), importlib.import_module("bench.context").Context.unpack(packed)
if is_job == "no":
    case.time = types.SimpleNamespace(perf_counter=time.process_time, process_time=time.process_time, sleep=time.sleep)
results = getattr(case, name)(context)
import msgspec
(context.folder / "results.json").write_bytes(msgspec.json.encode(results))
"""
"""Run by the Python of a build, in its folder: one case, with the processor's clock where it is one process."""


class Compared(NamedTuple):
    """One figure of both builds, a pair a round.

    Parameters
    ----------
    name : str
        The result's.
    unit : str
    pairs : list of (float, float)
        This build's and the other's, measured one after the other.
    """

    name: str
    unit: str
    pairs: list[tuple[float, float]]

    def to_dict(self) -> Result:
        """Return it as a result."""
        ratios = [mine / other for mine, other in self.pairs]
        return {
            "name": self.name,
            "unit": self.unit,
            "this": median(mine for mine, _ in self.pairs),
            "other": median(other for _, other in self.pairs),
            "ratio": median(ratios),
            "least_ratio": min(ratios),
            "greatest_ratio": max(ratios),
            "rounds": len(self.pairs),
        }


def compare(cases: dict[str, str], context: Context, builds: tuple[Path, Path], repeats: int, console: Console) -> list[Result]:
    """Run each case by turns in both builds.

    Parameters
    ----------
    cases : dict
        Name -> its module.
    builds : (Path, Path)
        Checkouts: this one, and the one that it is held against. Which of them runs first changes with each round.
    repeats : int
        Rounds that count; one more goes before, which compiles and warms.

    Returns
    -------
    list of Result
        A ratio below 1: this build needs less.
    """
    results = []
    for case, module in cases.items():
        pairs: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for turn in range(repeats + 1):
            order = builds if turn % 2 else builds[::-1]
            found = {build: figures(run(case, module, context, build)) for build in order}
            mine, other = (found[build] for build in builds)
            for key in mine.keys() & other.keys() if turn else ():
                pairs[key].append((mine[key], other[key]))
            console.print(f"{case}: round {turn} of {repeats}" + ("" if turn else ", which does not count"))
        results += [Compared(name, unit, values).to_dict() for (name, unit), values in sorted(pairs.items())]
    return results


def figures(results: list[Result]) -> dict[tuple[str, str], float]:
    """Return what a case says, by name and unit, all the less the better."""
    out: dict[tuple[str, str], float] = {}
    for result in results:
        name, used = str(result["name"]), result.get("cpu_us_per_tick")
        rate = result.get("ticks_per_s", result.get("step_ticks_per_s"))
        if isinstance(used, dict):
            out[name, "processor µs a tick"] = sum(used.values())
        elif isinstance(rate, int | float):
            out[name, "processor µs a tick"] = 1e6 / rate
        if isinstance(start := result.get("start_s"), int | float):
            out[name, "s by the clock to the first tick"] = float(start)
    return out


def run(case: str, module: str, context: Context, build: Path) -> list[Result]:
    """Run a case in a build.

    Raises
    ------
    click.ClickException
        It fails there; the message ends with what it said.
    """
    path = context.folder / "results.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-c", CLOCK, case, module, context.pack(), "yes" if case in JOBS else "no"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(build)}
    done = subprocess.run(command, cwd=build, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not path.exists():
        raise click.ClickException(f"{case} failed in {build}:\n{(done.stdout + done.stderr)[-4000:]}")
    results: list[Result] = msgspec.json.decode(path.read_bytes())
    return results


def show(results: list[Result], console: Console) -> None:
    """Print the ratios."""
    table = Table()
    for heading in ("case", "unit", "this", "other", "ratio", "least to greatest"):
        table.add_column(heading, justify="left" if heading in ("case", "unit") else "right")
    for one in results:
        spread = f"{one['least_ratio']:.2f} to {one['greatest_ratio']:.2f}"
        values = (f"{one['this']:,.3g}", f"{one['other']:,.3g}", f"{one['ratio']:.2f}", spread)
        table.add_row(str(one["name"]), str(one["unit"]), *values)
    console.print(table)
