"""Settings in force become the pipeline's settings in one place: the model, the threshold and the units."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from jobs.pipeline.settings import model_name, pipeline_settings
from models.store import artifact, registry
from tickproof.errors import ModelError
from tickproof.rules import VERSION
from tickproof.settings import Settings


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> str:
    """The model that ships, with another threshold in its manifest."""
    shipped = artifact.read_manifest(registry.find(registry.DEFAULT))
    monkeypatch.setattr(artifact, "read_manifest", lambda folder: msgspec.structs.replace(shipped, threshold=5.5))
    return registry.DEFAULT


def test_units_and_values() -> None:
    made = pipeline_settings(Settings(model="none", shards=3, out_of_orderness_ms=20, lookahead_ms=7, threshold=2.5))
    assert (made.shards, made.channel.out_of_orderness_ns, made.shard.lookahead_ns) == (3, 20_000_000, 7_000_000)
    assert (made.shard.threshold, made.model, made.versions) == (2.5, "none", (VERSION, "none"))


def test_a_threshold_that_nobody_set_is_the_models(strict: str) -> None:
    assert pipeline_settings(Settings(model=strict)).shard.threshold == 5.5
    assert pipeline_settings(Settings(model=strict, threshold=4.0)).shard.threshold == 4.0
    assert pipeline_settings(Settings(model="none")).shard.threshold == Settings().threshold


def test_what_was_not_set_is_not_set_in_another_process_either(strict: str) -> None:
    """As the demo and the embedded job send them."""
    sent = Settings(model=strict).model_copy(update={"reference": None}).model_dump_json(exclude_unset=True)
    assert pipeline_settings(Settings.model_validate_json(sent)).shard.threshold == 5.5


def test_rules_alone_where_no_model_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_name(Settings()) == "default"
    monkeypatch.setattr(registry, "aliases", dict)
    assert pipeline_settings(Settings()).model == "none"
    # Somebody asked for it.
    assert model_name(Settings(model="default")) == "default"
    with pytest.raises(ModelError):
        pipeline_settings(Settings(model="default"))


@pytest.mark.slow
def test_they_travel_without_the_model_and_open_it_where_they_arrive() -> None:
    made = pipeline_settings(Settings())
    arrived = pickle.loads(pickle.dumps(made))
    assert arrived == made
    opened = arrived.opened()
    assert opened.versions.model != "none"
    assert opened.shard.threshold == made.shard.threshold
