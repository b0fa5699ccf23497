"""The settings of the pipeline, made from the settings in force in one place, for every command that scores ticks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

from jobs.pipeline.reference_file import load
from models.store import registry
from tickproof.channel.step import ChannelSettings
from tickproof.features.table import NAMES
from tickproof.reference.data import NOTHING, Reference
from tickproof.rules import VERSION
from tickproof.settings import Settings
from tickproof.shard.step import Detector, ShardSettings
from tickproof.ticks.schema import NS_PER_MS

_OPENING = threading.Lock()
"""Stages of a mini-cluster are threads of one process, and Python 3.11 fails now and then when two of them parse a model's arrays
at once ("AST constructor recursion depth mismatch")."""


class Versions(NamedTuple):
    """The versions that verdicts and findings carry."""

    rules: str
    model: str


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Everything that results depend on. It travels to the workers of a job, without the model itself.

    Parameters
    ----------
    shards : int
        Groups of symbols that are scored together.
    channel : ChannelSettings
        For all channels; the reference data add what they know of one.
    shard : ShardSettings
        Lookahead, threshold and, once it is loaded, the model.
    reference : Reference
    model : str
        Alias or folder of the model; `none`: rules only.
    """

    shards: int = 4
    channel: ChannelSettings = field(default_factory=ChannelSettings)
    shard: ShardSettings = field(default_factory=ShardSettings)
    reference: Reference = NOTHING
    model: str = registry.NONE

    @property
    def versions(self) -> Versions:
        """The versions of the rules and of the loaded model; `none` for rules alone."""
        detector = self.shard.detector
        return Versions(VERSION, detector.version if detector else registry.NONE)

    def opened(self) -> PipelineSettings:
        """Return these settings with the model loaded, which is what scores ticks.

        Raises
        ------
        ModelError
            No such model, or it does not fit.
        """
        with _OPENING:
            return self.with_detector(cast("Detector | None", registry.open_model(self.model, NAMES)))

    def with_detector(self, detector: Detector | None) -> PipelineSettings:
        """Return these settings with a model that is loaded already, at the same threshold."""
        return replace(self, shard=replace(self.shard, detector=detector))

    def with_reference(self, reference: Reference) -> PipelineSettings:
        """Return these settings with other reference data."""
        return replace(self, reference=reference)


def model_name(settings: Settings) -> str:
    """Return the model to score with: rules alone where nobody chose one and none ships."""
    chosen = "model" in settings.model_fields_set
    return settings.model if chosen or settings.model in registry.aliases() else registry.NONE


def pipeline_settings(settings: Settings) -> PipelineSettings:
    """Return the pipeline's settings for some settings in force; `opened` loads the model.

    A threshold that nobody set is the model's own. `Settings` knows which values were set: whoever sends them to another process
    leaves out the others (`exclude_unset`).

    Raises
    ------
    ModelError
        No such model.
    SettingsError
        The reference data cannot be read.
    """
    model, threshold = model_name(settings), settings.threshold
    if model != registry.NONE and "threshold" not in settings.model_fields_set:
        from models.store.artifact import read_manifest  # scikit-learn, which rules alone do not need

        threshold = read_manifest(registry.find(model)).threshold
    return PipelineSettings(
        settings.shards,
        ChannelSettings(out_of_orderness_ns=settings.out_of_orderness_ms * NS_PER_MS),
        ShardSettings(settings.lookahead_ms * NS_PER_MS, threshold),
        load(settings.reference),
        model,
    )
