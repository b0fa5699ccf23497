"""Lookup of models by alias or folder. Cheap to import: scikit-learn is imported when a model is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tickproof.errors import ModelError
from tickproof.settings import NO_MODEL

if TYPE_CHECKING:
    from models.trees.detector import Detector

SHIPPED = Path(__file__).parents[1]
MANIFEST = "manifest.json"
"""The file that marks a folder as a model."""
DEFAULT = "default"
"""The alias of the model that ships."""
NONE = NO_MODEL


def aliases() -> dict[str, Path]:
    """Return the models that ship, by alias."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.glob(f"*/{MANIFEST}"))}


def find(name: str) -> Path:
    """Return the folder of a model, by alias or path; an alias wins.

    Raises
    ------
    ModelError
        It is neither an alias nor a model folder.
    """
    known = aliases()
    if name in known:
        return known[name]
    if (Path(name) / MANIFEST).is_file():
        return Path(name)
    raise ModelError(
        f"model {name}: no such alias ({', '.join(known) or 'none ship'}) and no folder with a {MANIFEST}; or say `{NO_MODEL}`"
    )


def open_model(name: str, feature_names: tuple[str, ...]) -> Detector | None:
    """Load the model of an alias or path; return None for `none`. Raises ModelError."""
    if name == NO_MODEL:
        return None
    from models.store.artifact import load

    return load(find(name), feature_names)
