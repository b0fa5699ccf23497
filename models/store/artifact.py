"""A model as a folder: trees, probes, a manifest and a card. No pickle; everything is checked before it is used.

`model.skops` is scikit-learn's estimator in the skops format, `probes.npy` the rows (last column: their margins) on which the
compiled trees are compared with scikit-learn's at each load, `manifest.json` says what belongs together, `README.md` is the card.
The same training gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier

from models.store.card import render
from models.store.registry import MANIFEST as MANIFEST
from models.store.skops_file import dump, load_estimator
from models.training.train import Fitted
from models.trees.calibration import ByKind, Calibration
from models.trees.detector import Detector
from models.trees.forest import Forest
from models.trees.probes import check_probes
from tickproof.errors import ModelError

FORMAT = 2
TREES, PROBES, CARD = "model.skops", "probes.npy", "README.md"
KINDS = ("quotes", "trades")


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents and origin of a model folder.

    Attributes
    ----------
    format : int
    version : str
        A short hash of `files`, `feature_names`, `calibration`, `threshold` and `rules_version`: of all that decides a score.
    files : dict of str to str
        SHA-256 of each file, hexadecimal.
    libraries : dict of str to str
        Versions that it was trained with.
    parameters, metrics : dict
    seed : int
    command : str
        The command that reproduces it.
    data : str
        What it was trained on.
    """

    format: int
    version: str
    files: dict[str, str]
    feature_names: list[str]
    threshold: float
    rules_version: str
    calibration: dict[str, dict[str, list[float]]]
    libraries: dict[str, str]
    parameters: dict[str, Any]
    seed: int
    command: str
    data: str
    metrics: dict[str, Any]


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What only the caller of training knows: the command, the data in words, the rules' version, metrics to keep."""

    command: str
    data: str
    rules_version: str
    metrics: dict[str, Any] = {}


def save(folder: Path, fitted: Fitted, provenance: Provenance) -> Manifest:
    """Write a model folder, created if necessary; files of an earlier model in it are replaced.

    Raises
    ------
    ModelError
        The estimator holds a type that loading would refuse.
    """
    probes = io.BytesIO()
    np.save(probes, np.column_stack([fitted.probes, fitted.margins]), allow_pickle=False)
    contents = {TREES: dump(fitted.classifier), PROBES: probes.getvalue()}
    manifest = Manifest(
        format=FORMAT,
        version="",
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        feature_names=list(fitted.feature_names),
        threshold=fitted.parameters.threshold,
        rules_version=provenance.rules_version,
        calibration={kind: _table(getattr(fitted.calibration, kind)) for kind in KINDS},
        libraries={"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__},
        parameters=asdict(fitted.parameters),
        seed=fitted.seed,
        command=provenance.command,
        data=provenance.data,
        metrics={"training": fitted.metrics, **provenance.metrics},
    )
    manifest = msgspec.structs.replace(manifest, version=_version(manifest))
    folder.mkdir(parents=True, exist_ok=True)
    contents[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    contents[CARD] = render(manifest).encode()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return manifest


def load(folder: Path, feature_names: tuple[str, ...]) -> Detector:
    """Load a model from a folder and check hashes, features, types, and its margins on the stored probes.

    Parameters
    ----------
    feature_names : tuple of str
        The features that the caller computes, in order. The model picks those that it was trained on, by name: there may be more.

    Raises
    ------
    ModelError
        Something is missing, changed, not allowed, or does not fit; one line that says what.
    """
    manifest = read_manifest(folder)
    contents = {name: _read(folder / name) for name in (TREES, PROBES)}
    for name, content in contents.items():
        found = hashlib.sha256(content).hexdigest()
        if found != manifest.files.get(name):
            expected = manifest.files.get(name, "none")[:16]
            raise ModelError(f"{folder / name}: found SHA-256 {found[:16]}…, expected {expected}…; train or copy the model again")
    _check_features(folder, manifest, feature_names)
    classifier = load_estimator(contents[TREES], str(folder / TREES))
    if not isinstance(classifier, HistGradientBoostingClassifier):
        raise ModelError(f"{folder / TREES}: found a {type(classifier).__name__}, expected a HistGradientBoostingClassifier")
    try:
        forest = Forest.of(classifier)
        table = np.load(io.BytesIO(contents[PROBES]), allow_pickle=False)
        tables = (manifest.calibration[kind] for kind in KINDS)
        calibration = ByKind(*(Calibration(tuple(table["margins"]), tuple(table["scores"])) for table in tables))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder}: not a complete model ({error}); train it again") from error
    own = manifest.feature_names
    if forest.n_features != len(own) or table.dtype != np.float64 or table.shape[1:] != (len(own) + 1,):
        found = f"trees over {forest.n_features} features and probes {table.shape}"
        raise ModelError(f"{folder}: {found}, expected {len(own)} features; train it again")
    check_probes(forest, classifier, np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1]))
    wide = forest.over([feature_names.index(name) for name in own], len(feature_names))
    return Detector(manifest.version, feature_names, manifest.threshold, wide, calibration)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a model folder; raises ModelError."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(_read(path), type=Manifest)
    except msgspec.DecodeError as error:
        raise ModelError(f"{path}: not a manifest of format {FORMAT} ({error}); train the model again") from error
    if manifest.format != FORMAT:
        raise ModelError(f"{path}: found format {manifest.format}, expected {FORMAT}; train the model again with this version")
    if manifest.version != _version(manifest):
        edited = f"found version {manifest.version}, its content hashes to {_version(manifest)}"
        raise ModelError(f"{path}: {edited}; it was edited after training: train the model again")
    return manifest


def _table(calibration: Calibration) -> dict[str, list[float]]:
    return {"margins": list(calibration.margins), "scores": list(calibration.scores)}


def _check_features(folder: Path, manifest: Manifest, feature_names: tuple[str, ...]) -> None:
    missing = [name for name in manifest.feature_names if name not in feature_names]
    if missing:
        problem = f"needs the features {', '.join(missing)}, which this version does not compute"
        raise ModelError(f"{folder}: the model {problem}; train it again with these features")
    if len(set(manifest.feature_names)) != len(manifest.feature_names):
        raise ModelError(f"{folder / MANIFEST}: found a feature named twice; train the model again")


def _version(manifest: Manifest) -> str:
    """Return the first 12 hex digits of a hash over everything that decides a score."""
    decisive = (manifest.files, manifest.feature_names, manifest.threshold, manifest.rules_version, manifest.calibration)
    return hashlib.sha256(msgspec.json.encode(decisive, order="deterministic")).hexdigest()[:12]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror or error}; train a model with `tickproof train`, or name its folder"
        ) from error
