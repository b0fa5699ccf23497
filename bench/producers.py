"""What makes and reads ticks: the simulator, its way to a broker, readers of recordings, and how much memory streams take."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.context import Context
from bench.stream import SEED, TICKS_PER_MINUTE
from commands.simulate import simulate as simulate_command
from commands.simulate.publish import publish
from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.recordings.registry import find, read
from producers.simulation.day import simulate
from tickproof.settings import Settings

REPEATS = 3
DATA = Path(__file__).parents[2] / "shared" / "data"
LONGER = 4
"""Memory is measured on a stream and on one so many times as long."""
WARMING_MINUTES = 0.5
_MEASURED = """
import sys
from commands import main
try:
    main()
finally:
    sys.stderr.write(open("/proc/self/status").read())
"""


def generate(context: Context) -> list[dict[str, object]]:
    """The simulator alone, into columns, on one core."""
    market = _market(context)
    results = []
    for name, faults in (("generate", None), ("generate with faults", Faults(seed=SEED))):
        _count(Market(seed=SEED, minutes=WARMING_MINUTES), faults)
        results.append(_timed(name, lambda faults=faults: _count(market, faults)))  # type: ignore[misc]  # mypy sees no default
    return results


def generate_publish(context: Context) -> list[dict[str, object]]:
    """Simulated with faults, encoded, and confirmed by the broker: what `tickproof simulate --brokers` does, in one process."""
    settings = Settings(brokers=context.brokers, prefix="simulated.")

    def run() -> int:
        simulation = simulate(market, Faults(seed=SEED))
        return int(publish(iter(simulation), simulation, market, settings, None)["ticks"])

    market = Market(seed=SEED, minutes=WARMING_MINUTES)
    run()
    market = _market(context)
    return [_timed("generate_publish", run)]


def read_lean(context: Context) -> list[dict[str, object]]:
    """Each LEAN zip of the shared recordings, read once after another."""
    folder = DATA / "lean"
    if not folder.is_dir():
        return [{"name": "read_lean", "skipped": "the shared recordings are not at ../shared/data"}]
    return [_read("read_lean", folder)]


def read_parquet(context: Context) -> list[dict[str, object]]:
    """A file that `tickproof simulate` wrote."""
    with tempfile.TemporaryDirectory(dir=context.folder) as name:
        _simulated(context.ticks / TICKS_PER_MINUTE, Path(name))
        return [_read("read_parquet", Path(name) / "ticks.parquet")]


def simulate_memory(context: Context) -> list[dict[str, object]]:
    """The most memory that `tickproof simulate` takes, for a stream and for a longer one."""
    minutes = context.ticks / TICKS_PER_MINUTE / LONGER
    with tempfile.TemporaryDirectory(dir=context.folder) as name:
        peaks = [
            _peak(["simulate", "--seed", str(SEED), "--minutes", f"{length:.2f}", "--events", "thick", "--out", name])
            for length in (minutes, LONGER * minutes)
        ]
    return [_memory("simulate_memory", peaks)]


def read_memory(context: Context) -> list[dict[str, object]]:
    """The most memory that `tickproof recordings` takes, for a file and for one with more of the same rows."""
    with tempfile.TemporaryDirectory(dir=context.folder) as name:
        folder = Path(name)
        files: dict[str, list[Path]] = {"parquet": [], "lean": []}
        for length in (1, LONGER):
            there = folder / str(length)
            _simulated(length * context.ticks / TICKS_PER_MINUTE / LONGER, there)
            files["parquet"].append(there / "ticks.parquet")
            files["lean"].append(_lean_zip(there, length * context.ticks // LONGER))
        peaks = {form: [_peak(["recordings", str(path)]) for path in paths] for form, paths in files.items()}
    return [_memory(f"read_memory {form}", found) for form, found in peaks.items()]


def _market(context: Context) -> Market:
    return Market(seed=SEED, minutes=context.ticks / TICKS_PER_MINUTE)


def _count(market: Market, faults: Faults | None) -> int:
    return sum(map(len, simulate(market, faults)))


def _read(name: str, path: Path) -> dict[str, object]:
    files = find([path])
    for file, format_ in files[:1]:
        next(read(file, format_), None)

    def run() -> int:
        return sum(len(batch) for file, format_ in files for batch in read(file, format_))

    return _timed(name, run) | {"files": len(files)}


def _timed(name: str, run: Callable[[], int]) -> dict[str, object]:
    """The median of some runs, by the wall's clock; processor time of the whole process beside it."""
    walls, used, ticks = [], [], 0
    for _ in range(REPEATS):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        ticks = run()
        walls.append(time.perf_counter() - begun)
        used.append(time.process_time() - begun_cpu)
    return {
        "name": name,
        "ticks": ticks,
        "ticks_per_s": ticks / float(np.median(walls)),
        "all_ticks_per_s": [ticks / wall for wall in walls],
        "cpu_us_per_tick": {"python": 1e6 * float(np.median(used)) / ticks},
    }


def _simulated(minutes: float, out: Path) -> None:
    options = ["--seed", str(SEED), "--minutes", f"{minutes:.2f}", "--events", "thick", "--out", str(out)]
    simulate_command.command.main(options, standalone_mode=False)


def _lean_zip(folder: Path, rows: int) -> Path:
    """A LEAN zip of US trades, a hundred rows a millisecond, with prices that walk."""
    path = folder / "equity" / "usa" / "tick" / "bench" / "20131007_trade.zip"
    path.parent.mkdir(parents=True)
    prices = 1_000_000 + np.cumsum(np.random.default_rng(SEED).integers(-1, 2, rows)) * 100
    lines = [f"{34_200_000 + row // 100},{price},{100 + row % 7},P,1,0\n" for row, price in enumerate(prices.tolist())]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("20131007_bench_trade_tick.csv", "".join(lines))
    return path


def _peak(arguments: list[str]) -> float:
    """The most that a command of ours has in memory at once, in MB, as it says itself at its end.

    What wait4 says would include this process, whose pages a child shares until it begins.
    """
    done = subprocess.run([sys.executable, "-c", _MEASURED, *arguments], capture_output=True, text=True, check=False)
    found = re.search(r"VmHWM:\s+(\d+) kB", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"tickproof {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return int(found[1]) / 1024


def _memory(name: str, peaks: list[float]) -> dict[str, object]:
    once, longer = peaks
    return {"name": name, "peak_mb": round(once, 1), f"peak_mb_{LONGER}_times_as_long": round(longer, 1)}
