"""`tickproof train` end to end on tiny streams: the same command gives the same model, and the shipped one fits the features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from commands.train import command
from models.store.artifact import read_manifest
from models.store.registry import find, open_model
from tickproof.features.table import NAMES
from tickproof.rules import FITTING_MODELS

TINY = ["--seeds", "3", "--clean-seeds", "1", "--minutes", "0.5", "--symbols", "8", "--faults-per-kind", "2", "--trees", "5"]


@pytest.mark.slow
def test_the_same_command_gives_the_same_model(tmp_path: Path) -> None:
    versions = []
    for name in ("one", "two"):
        done = CliRunner().invoke(command, ["--out", str(tmp_path / name), *TINY, "--json"], catch_exceptions=False)
        assert done.exit_code == 0
        versions.append(json.loads(done.stdout)["version"])
    assert versions[0] == versions[1]
    for file in sorted(path.name for path in (tmp_path / "one").iterdir()):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    detector = open_model(str(tmp_path / "one"), NAMES)
    assert detector is not None
    assert (detector.score(np.full((3, len(NAMES)), np.nan)) >= 0).all()


def test_the_shipped_model_fits_the_features_and_rules_of_this_version() -> None:
    detector = open_model("default", NAMES)
    assert detector is not None
    manifest = read_manifest(find("default"))
    assert manifest.rules_version in FITTING_MODELS
    assert manifest.command.startswith("tickproof train --out")
