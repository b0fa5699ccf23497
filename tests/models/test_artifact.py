"""A model folder: what is written is what is loaded, and anything else is refused in one line."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from models.store import artifact, registry, skops_file
from models.store.artifact import CARD, MANIFEST, PROBES, TREES, Manifest, Provenance, load, save
from models.training.train import Dataset, Parameters, train
from tickproof.errors import ModelError

NAMES = ("away", "spread", "rate")
PROVENANCE = Provenance(
    command="tickproof train --seed 3", data="rows made by a test", rules_version="r1", metrics={"macro": 0.5}
)


def fit(seed=3):
    random = np.random.default_rng(1)
    features = random.normal(size=(4000, 3))
    kinds = np.where(np.arange(4000) % 50 == 0, "spike", "")
    features[kinds == "spike", 0] += 5
    dataset = Dataset(NAMES, features, kinds, kinds == "", np.arange(4000) % 4 < 2)
    return train(dataset, Parameters(trees=5, leaves=6), seed), features


@pytest.fixture(scope="module")
def fitted():
    return fit()


@pytest.fixture
def folder(fitted, tmp_path):
    save(tmp_path / "model", fitted[0], PROVENANCE)
    return tmp_path / "model"


def reseal(folder, **changes):
    """Write a manifest whose hashes and version agree with the changed folder: an attacker's, or an author's mistake."""
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (TREES, PROBES)}
    manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    manifest = msgspec.structs.replace(manifest, files=files, **changes)
    manifest = msgspec.structs.replace(manifest, version=artifact._version(manifest))
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def test_a_loaded_model_scores_as_the_fitted_one(fitted, folder):
    trained, features = fitted
    detector = load(folder, NAMES)
    scores = detector.score(features)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, trained.calibration.apply(trained.forest.margins(features), features[:, 0] == 1.0))
    np.testing.assert_array_equal(detector.contributions(features[0]), trained.forest.contributions(features[0]))
    assert (detector.feature_names, detector.threshold) == (NAMES, 4.0)
    assert re.fullmatch("[0-9a-f]{12}", detector.version)


def test_the_same_training_gives_the_same_bytes(folder, tmp_path):
    save(tmp_path / "again", fit()[0], PROVENANCE)
    for name in (TREES, PROBES, MANIFEST, CARD):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


@pytest.mark.slow
def test_another_process_gives_the_same_bytes(folder, tmp_path):
    # Addresses, hash seeds and clocks differ there.
    code = "import sys, pathlib; from tests.models.test_artifact import *; save(pathlib.Path(sys.argv[1]), fit()[0], PROVENANCE)"
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "other")], check=True, cwd=root, env=os.environ | {"PYTHONHASHSEED": "7"}
    )
    assert (folder / TREES).read_bytes() == (tmp_path / "other" / TREES).read_bytes()


def test_the_version_follows_what_decides_a_score_and_nothing_else(fitted, folder, tmp_path):
    version = load(folder, NAMES).version
    other = msgspec.structs.replace(PROVENANCE, command="another command", data="other words", metrics={})
    assert save(tmp_path / "words", fitted[0], other).version == version
    assert save(tmp_path / "rules", fitted[0], msgspec.structs.replace(PROVENANCE, rules_version="r2")).version != version
    assert save(tmp_path / "trees", fit(seed=4)[0], PROVENANCE).version != version


def test_no_member_of_the_archive_is_a_pickle(folder):
    with zipfile.ZipFile(folder / TREES) as archive:
        for name in archive.namelist():
            if name != "schema.json":
                np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_card_says_how_to_reproduce_it(folder):
    card = (folder / CARD).read_text()
    assert PROVENANCE.command in card
    assert "`spike`" in card


def truncate(folder):
    (folder / TREES).write_bytes((folder / TREES).read_bytes()[:-1])


def flip(folder):
    content = bytearray((folder / PROBES).read_bytes())
    content[-1] ^= 1
    (folder / PROBES).write_bytes(content)


def edit_threshold(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"threshold": 1.0}))


def later_format(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"format": 3}))


def other_estimator(folder):
    (folder / TREES).write_bytes(skops.io.dumps(LogisticRegression()))
    reseal(folder)


def not_an_archive(folder):
    (folder / TREES).write_bytes(b"not a zip")
    reseal(folder)


def archive_of_nothing(folder):
    with zipfile.ZipFile(folder / TREES, "w") as archive:
        archive.writestr("schema.json", "{}")
    reseal(folder)


def an_unfitted_model(folder):
    (folder / TREES).write_bytes(skops_file.dump(HistGradientBoostingClassifier()))
    reseal(folder)


def a_changed_leaf(folder):
    classifier = skops_file.load_estimator((folder / TREES).read_bytes(), "here")
    nodes = classifier._predictors[0][0].nodes
    nodes["value"][nodes["is_leaf"] == 1] += 1e-12
    (folder / TREES).write_bytes(skops_file.dump(classifier))
    reseal(folder)


def pickled_probes(folder):
    np.save(folder / PROBES, np.array([{}], dtype=object), allow_pickle=True)
    reseal(folder)


def narrow_probes(folder):
    np.save(folder / PROBES, np.zeros((4, 2)))
    reseal(folder)


def no_calibration(folder):
    reseal(folder, calibration={})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate, "model.skops: found SHA-256"),
        (flip, "probes.npy: found SHA-256"),
        (lambda folder: (folder / TREES).unlink(), "model.skops: No such file"),
        (lambda folder: (folder / MANIFEST).unlink(), "manifest.json: No such file"),
        (lambda folder: (folder / MANIFEST).write_text("{}"), "not a manifest of format 2"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff"), "not a manifest of format 2"),
        (edit_threshold, "edited after training"),
        (later_format, "found format 3, expected 2"),
        (other_estimator, "LogisticRegression, which a model may not hold"),
        (not_an_archive, "not a model in the skops format"),
        (archive_of_nothing, "not a model in the skops format"),
        (an_unfitted_model, "found 0 trees"),
        (a_changed_leaf, "not its stored margin"),
        (pickled_probes, "not a complete model"),
        (narrow_probes, "probes"),
        (no_calibration, "not a complete model"),
    ],
)
def test_a_spoilt_folder_is_refused_in_one_line(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        load(folder, NAMES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("names", [("spread", "away", "rate"), ("new", "away", "newer", "rate", "spread", "newest")])
def test_a_model_picks_its_features_by_name(fitted, folder, names):
    """A version that computes more, or in another order, gives the scores and shares that the model's own columns give."""
    trained, features = fitted
    own, wide = load(folder, NAMES), load(folder, names)
    matrix = np.full((len(features), len(names)), np.nan)
    for k, name in enumerate(NAMES):
        matrix[:, names.index(name)] = features[:, k]
    np.testing.assert_array_equal(wide.score(matrix), own.score(features))
    assert wide.score(matrix).any()
    shares = wide.contributions(matrix[0])
    np.testing.assert_array_equal(shares[[names.index(name) for name in NAMES]], own.contributions(features[0]))
    assert np.count_nonzero(shares) == np.count_nonzero(own.contributions(features[0]))
    assert (wide.version, wide.feature_names) == (own.version, names)
    assert trained.feature_names == NAMES
    with pytest.raises(ModelError, match="shape"):
        wide.score(features[:, :2])


def test_a_feature_that_is_not_computed_is_named(folder):
    with pytest.raises(ModelError, match="needs the features rate, which"):
        load(folder, ("away", "spread"))


def test_a_feature_named_twice_is_refused(folder):
    reseal(folder, feature_names=["away", "away", "rate"])
    with pytest.raises(ModelError, match="named twice"):
        load(folder, NAMES)


def test_a_type_is_refused_before_anything_is_built(tmp_path):
    # skops itself would load this one: it trusts all of scikit-learn.
    with pytest.raises(ModelError, match="LogisticRegression"):
        skops_file.load_estimator(skops.io.dumps(LogisticRegression()), "here")
    with pytest.raises(ModelError, match="LogisticRegression"):
        skops_file.dump(LogisticRegression())


def test_an_archive_that_unpacks_too_large_is_refused(monkeypatch, folder):
    monkeypatch.setattr(skops_file, "LARGEST", 100)
    with pytest.raises(ModelError, match="at most 100"):
        load(folder, NAMES)


def test_a_model_is_found_by_path_alias_or_not_at_all(folder, monkeypatch):
    assert registry.open_model("none", NAMES) is None
    assert registry.find(str(folder)) == folder
    monkeypatch.setattr(registry, "SHIPPED", folder.parent)
    assert registry.aliases() == {"model": folder}
    assert registry.open_model("model", NAMES).version == load(folder, NAMES).version
    with pytest.raises(ModelError, match="no such alias"):
        registry.find("nonsense")
