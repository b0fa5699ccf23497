"""What comes out of a build, as digests: a change that is to alter no result is held against them.

`python -m bench.digest --out before.json` scans simulated streams and recordings by the command line alone, so that one version
of this module works for any build (`--build CHECKOUT`), and writes a digest for each column of verdicts, for the findings and for
the statistics. `--against before.json` names what differs, and exits with status 1. Never part of the tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
VERDICTS = ("quality", "score", "reasons", "final_quality", "final_score", "final_reasons")


@dataclass(frozen=True, slots=True)
class Case:
    """One input: a stream to simulate by these options, or paths below the recordings' folder."""

    name: str
    simulate: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    options: tuple[str, ...] = field(default=())


CASES = (
    Case("us-equity", ("--seed", "71", "--minutes", "2", "--profile", "us-equity")),
    Case("fx", ("--seed", "72", "--minutes", "3", "--profile", "fx")),
    Case("crypto", ("--seed", "73", "--minutes", "2", "--profile", "crypto", "--aggregated-venues", "1")),
    Case("lean-equity", paths=("lean/equity",)),
    Case("lean-forex", paths=("lean/forex", "lean/cfd", "lean/future")),
    Case("taq", paths=("highfrequency/sampleTDataRaw.csv.gz", "highfrequency/sampleQDataRaw.csv.gz")),
    Case("iex", paths=("go-iex",)),
    Case("kraken", paths=("cryptofeed/KRAKEN.ws.50.0",)),
    Case("dbn", paths=("nautilus_trader/databento",)),
)
QUICK = ("us-equity", "fx", "crypto", "iex", "kraken")


def table_digests(path: Path, columns: tuple[str, ...] | None = None) -> Iterator[tuple[str, str]]:
    """(column, digest) of a Parquet file."""
    table = pq.read_table(path).unify_dictionaries()
    for name in columns or tuple(table.column_names):
        column = table.column(name).combine_chunks()
        values = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        yield name, hashlib.sha256(repr(values.to_pylist()).encode()).hexdigest()[:16]


def run(command: list[str], build: Path) -> None:
    """Run a command of a build, whatever checkout is installed; what it says is shown if it fails."""
    done = subprocess.run(command, cwd=build, env=os.environ | {"PYTHONPATH": str(build)}, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")


def digests(case: Case, build: Path, data: Path, model: str) -> dict[str, str]:
    """Everything that comes of one case: part -> digest."""
    tickproof = str(build / ".venv" / "bin" / "tickproof")
    out: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        here, scanned = Path(folder), Path(folder) / "scan"
        paths = [str(data.resolve() / path) for path in case.paths]
        options = list(case.options)
        if case.simulate:
            run([tickproof, "simulate", *case.simulate, "--faults-per-kind", "2", "--out", folder], build)
            out |= {f"ticks.{name}": value for name, value in table_digests(here / "ticks.parquet")}
            out["labels"] = hashlib.sha256((here / "labels.csv").read_bytes()).hexdigest()[:16]
            paths, options = [str(here / "ticks.parquet")], ["--reference", str(here / "reference.json")]
        run([tickproof, "scan", *paths, *options, "--model", model, "--no-report", "--out", str(scanned)], build)
        out |= dict(table_digests(scanned / "scored.parquet", VERDICTS))
        out |= {f"statistics.{name}": value for name, value in table_digests(scanned / "statistics.parquet")}
        # Findings name the file of their tick, which is in a scratch folder of this run.
        lines = (scanned / "findings.jsonl").read_text(encoding="utf-8").replace(folder, "").splitlines()
        out["findings"] = f"{len(lines)} " + hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    return out


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the digests, as JSON.")
@click.option("--against", type=click.Path(exists=True, path_type=Path), help="Digests of another build, to hold these against.")
@click.option(
    "--build", default=ROOT, type=click.Path(exists=True, path_type=Path), help="The checkout to run.  [default: this one]"
)
@click.option("--only", multiple=True, type=click.Choice([case.name for case in CASES]), help="Only this case; may be repeated.")
@click.option("--quick", is_flag=True, help=f"Only {', '.join(QUICK)}.")
@click.option("--data", default=DATA, type=click.Path(path_type=Path), help="The recordings' folder.  [default: ../shared/data]")
@click.option("--model", default="default", show_default=True, help="Model to score with.")
def main(out: Path | None, against: Path | None, build: Path, only: tuple[str, ...], quick: bool, data: Path, model: str) -> None:
    """Digest what a build makes of simulated streams and recordings."""
    before = json.loads(against.read_text(encoding="utf-8")) if against else {}
    chosen = set(only or (QUICK if quick else [case.name for case in CASES]))
    found: dict[str, dict[str, str]] = {}
    differing = 0
    for case in CASES:
        if case.name not in chosen:
            continue
        found[case.name] = digests(case, build.resolve(), data, model)
        click.echo(f"{case.name}: {len(found[case.name])} digests, findings {found[case.name]['findings']}")
        if against:
            was = before.get(case.name, {})
            other = [name for name in {**was, **found[case.name]} if was.get(name) != found[case.name].get(name)]
            differing += len(other)
            if other:
                click.echo(f"  differ: {', '.join(other)}")
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
