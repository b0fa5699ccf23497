"""The comparison of two builds: what counts as a figure, and how pairs become a ratio."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from bench import against
from bench.context import Context


def test_rates_and_processor_times_are_both_figures_of_which_less_is_better() -> None:
    found = against.figures(
        [
            {"name": "engine_local", "ticks_per_s": 250_000.0},
            {"name": "symbols 100", "step_ticks_per_s": 100_000, "slice_ms_median": 7.0},
            {
                "name": "job_frames",
                "ticks_per_s": 1.0,
                "start_s": 9.5,
                "cpu_us_per_tick": {"python": 9.0, "jvm": 6.0, "broker": 2.0},
            },
            {"name": "memory", "bytes": 7},
        ]
    )
    assert found == {
        ("engine_local", "processor µs a tick"): 4.0,
        ("symbols 100", "processor µs a tick"): 10.0,
        ("job_frames", "processor µs a tick"): 17.0,
        ("job_frames", "s by the clock to the first tick"): 9.5,
    }


def test_builds_run_by_turns_and_the_first_round_does_not_count(tmp_path: Path) -> None:
    """Two builds of one module each: the other needs four times as much, and its first run a hundred times."""
    builds = []
    for name, rate in (("this", 200_000.0), ("other", 50_000.0)):
        room = tmp_path / name / "bench"
        room.mkdir(parents=True)
        (room / "__init__.py").touch()
        (room / "context.py").write_text(
            "from pathlib import Path\nimport json\nclass Context:\n    @classmethod\n    def unpack(cls, text):\n"
            "        one = cls()\n        one.folder = Path(json.loads(text)['folder'])\n        return one\n"
        )
        (room / "case.py").write_text(
            "def walk(context):\n"
            f"    with open(context.folder / 'order', 'a') as file: print('{name}', file=file)\n"
            f"    turns = (context.folder / 'order').read_text().split().count('{name}')\n"
            f"    return [{{'name': 'walk', 'ticks_per_s': {rate} * (1 if turns > 1 else 0.01)}}]\n"
        )
        builds.append(tmp_path / name)
    (one,) = against.compare({"walk": "bench.case"}, Context(tmp_path), (builds[0], builds[1]), 2, Console(quiet=True))
    assert (one["this"], one["other"], one["ratio"], one["least_ratio"], one["greatest_ratio"]) == (5.0, 20.0, 0.25, 0.25, 0.25)
    assert (tmp_path / "order").read_text().split() == ["other", "this", "this", "other", "other", "this"]
