"""The table on standard output, and the same as JSON."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out"
PACKAGES = ("apache-flink", "confluent-kafka", "numba", "numpy", "pyarrow", "scikit-learn")

Result = dict[str, object]


def machine() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "kernel": platform.release(),
        **{name: version(name) for name in PACKAGES},
    }


def with_ratios(results: list[Result]) -> list[Result]:
    """Each rate as a share of the consumer's that only decodes frames."""
    base = next((result["ticks_per_s"] for result in results if result["name"] == "decode_only"), None)
    return [
        result | {"ratio_to_decode_only": _ratio(result.get("ticks_per_s"), base)} if "ticks_per_s" in result else result
        for result in results
    ]


def write(results: list[Result], facts: dict[str, object], path: Path) -> None:
    """Write `{"results": […], "machine": {…}}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode({"results": results, "machine": facts})) + b"\n")


def show(results: list[Result], console: Console) -> None:
    """Print rates, then the rest."""
    table = Table()
    for heading in ("case", "ticks/s", "of decode_only", "processor µs a tick", "start s", "load"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for result in results:
        if "ticks_per_s" not in result:
            continue
        used = result.get("cpu_us_per_tick")
        processor = (
            ", ".join(f"{value:.2g}" if value < 1 else f"{value:.1f}" for value in used.values())
            if isinstance(used, dict)
            else ""
        )
        table.add_row(
            str(result["name"]),
            f"{result['ticks_per_s']:,.0f}",
            _percent(result.get("ratio_to_decode_only")),
            processor,
            f"{result['start_s']:.1f}" if "start_s" in result else "",
            f"{result['load']:.1f}",
        )
    if table.row_count:
        console.print(table)
    for result in results:
        if "ticks_per_s" not in result:
            console.print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in result.items() if name != "load"))


def _ratio(rate: object, base: object) -> float | None:
    return rate / base if isinstance(rate, float) and isinstance(base, float) else None


def _percent(ratio: object) -> str:
    return f"{100 * ratio:.1f} %" if isinstance(ratio, float) else ""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
