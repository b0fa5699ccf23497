"""`tickproof train`: a model from labelled simulated streams, computed by the same steps that will use it."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console

from commands.train import LEAST_SYMBOLS
from jobs.offline.training_rows import dataset, judge, lowered, partly_sizeless, poorer
from models.store import artifact
from models.store.artifact import Provenance
from models.training import train
from models.trees.detector import Detector
from producers.faults.table import FAULTS, Faults
from producers.market.parameters import Market
from producers.simulation.day import Simulation, simulate
from tickproof.features.table import NAMES
from tickproof.rules import VERSION

HELD_OUT_EVERY = 3
"""One faulty stream in this many is held out from training: it calibrates and measures."""
TAUGHT = tuple(name for name, fault in FAULTS.items() if fault.is_genuine or fault.kind in train.LEARNT)
"""Entries of the streams: the learnt kinds, and all twins. Others would leave rows that are neither clean nor of a kind: with all
entries, two thirds of a stream, more than half of it for channel episodes in which no price is wrong."""
BUSIER = {"crypto": 2}
"""Profile -> factor on the rate of each of its symbols, whose number is divided by it, so that a stream costs the same."""


def run(
    *,
    out: Path,
    seeds: int,
    first_seed: int,
    clean_seeds: int,
    minutes: float,
    symbols: int,
    profiles: tuple[str, ...],
    faults_per_kind: int,
    trees: int,
    as_json: bool,
) -> None:
    """Train a model and write its folder."""
    console = Console(stderr=True)

    def stream(place: int, faulty: bool) -> Simulation:
        profile = profiles[place % len(profiles)]
        seed = first_seed + place + (0 if faulty else seeds)
        names = max(symbols // BUSIER.get(profile, 1), LEAST_SYMBOLS)
        market = Market.varied(seed, "train", minutes=minutes, symbols=names, profile=profile)
        return simulate(market, Faults.varied(seed, "train", per_kind=faults_per_kind, names=TAUGHT) if faulty else None)

    parts: list[train.Dataset] = []
    for place in range(seeds):
        console.print(f"stream {place + 1} of {seeds}: {minutes:g} minutes with faults", highlight=False)
        simulation = stream(place, True)
        batches = list(simulation)
        for version in (batches, *poorer(batches)):
            held_out = place % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
            seed = first_seed + len(parts)
            parts.append(dataset(judge(version), simulation.labels, held_out=held_out, seed=seed))
    rows = train.concat(parts)
    console.print(f"training {trees} trees on {int((~rows.held_out).sum()):,} ticks", highlight=False)
    fitted = train.train(rows, train.Parameters(trees=trees), first_seed)
    arguments = {
        "out": "DIR", "seeds": seeds, "first-seed": first_seed, "clean-seeds": clean_seeds, "minutes": f"{minutes:g}",
        "symbols": symbols, "faults-per-kind": faults_per_kind, "trees": trees,
    }  # fmt: skip
    turns = " ".join(f"--profile {profile}" for profile in profiles)
    provenance = Provenance(
        command="tickproof train " + " ".join(f"--{name} {value}" for name, value in arguments.items()) + f" {turns}",
        data=f"{seeds} simulated streams with faults and {clean_seeds} without, family train, seeds from {first_seed}, "
        f"profiles in turn: {', '.join(profiles)}; "
        "each whole and as poorer feeds, a quarter of the ticks without sizes",
        rules_version=VERSION,
    )
    # A first calibration says what corroboration will lower; those rows raise no alarm and must not set the tail.
    first = Detector("first calibration", fitted.feature_names, fitted.parameters.threshold, fitted.forest, fitted.calibration)
    features: list[npt.NDArray[np.float64]] = []
    down: list[npt.NDArray[np.bool_]] = []
    for place in range(clean_seeds):
        console.print(f"calibrating on stream {place + 1} of {clean_seeds}: {minutes:g} minutes without faults", highlight=False)
        batches = list(stream(place, False))
        for version in (batches, *poorer(batches)):
            market = judge(version, first)
            features.append(partly_sizeless(market.features, first_seed + len(parts) + len(features)))
            down.append(lowered(market))
    fitted = train.recalibrate(fitted, rows, np.concatenate(features), np.concatenate(down))
    manifest = artifact.save(out, fitted, provenance)
    artifact.load(out, NAMES)
    if as_json:
        click.echo(json.dumps({"folder": str(out), "version": manifest.version, "metrics": fitted.metrics}))
    else:
        click.echo(f"model {manifest.version} in {out}")
