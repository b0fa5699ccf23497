"""scikit-learn estimators in the skops format: no pickle, a closed list of types, reproducible bytes.

skops names its members after memory addresses and stamps them with the time. `dump` renumbers them, so that a file's hash says
whether the model is the same.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import skops.io

from tickproof.errors import ModelError

ALLOWED = frozenset(
    {
        "builtins.dict",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "numpy.ndarray",
        "numpy.random._generator.Generator",
        "numpy.uint64",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.preprocessing._label.LabelEncoder",
    }
)
"""Every type that a file may name; fewer than skops trusts by default."""
TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
"""Types that skops does not trust by default and we do."""
LARGEST = 64 << 20
"""Most bytes of an archive, decompressed."""
SCHEMA = "schema.json"


def dump(estimator: Any) -> bytes:
    """Return the estimator in the skops format; the same estimator gives the same bytes.

    Raises
    ------
    ModelError
        It holds a type that `load_estimator` would refuse.
    """
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as source:
        schema = json.loads(source.read(SCHEMA))
        _check_types(schema, "model")
        numbers: dict[str, str] = {}
        text = json.dumps(_renumbered(schema, numbers), indent=1)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
            for name in sorted(source.namelist(), key=lambda name: (len(_member(name, numbers)), _member(name, numbers))):
                content = text if name == SCHEMA else source.read(name)
                # A fixed time: the earliest that a zip archive can hold.
                member = zipfile.ZipInfo(_member(name, numbers), (1980, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(member, content)
    return out.getvalue()


def load_estimator(content: bytes, source: str) -> Any:
    """Return the estimator in skops bytes.

    Parameters
    ----------
    source : str
        Where the bytes came from; messages begin with it.

    Raises
    ------
    ModelError
        Not such bytes, too large unpacked, or a type that is not in ALLOWED.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > LARGEST:
                raise ModelError(f"{source}: found {size} bytes unpacked, expected at most {LARGEST}")
            schema = json.loads(archive.read(SCHEMA))
        _check_types(schema, source)
        return skops.io.loads(content, trusted=TRUSTED)
    except ModelError:
        raise
    except Exception as error:  # whatever skops meets in a file that is not what it seems
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(f"{source}: not a model in the skops format ({reason}); train it again") from error


def _check_types(schema: Any, source: str) -> None:
    found: set[str] = set()
    pending = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "__class__" in value:
                found.add(f"{value.get('__module__')}.{value['__class__']}")
            pending += value.values()
        elif isinstance(value, list):
            pending += value
    if unknown := sorted(found - ALLOWED):
        raise ModelError(f"{source}: found types {', '.join(unknown)}, which a model may not hold; do not load it")


def _renumbered(value: Any, numbers: dict[str, str]) -> Any:
    """Return the schema with addresses replaced by numbers in order of appearance, recorded in `numbers`."""
    if isinstance(value, list):
        return [_renumbered(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    for key, item in value.items():
        if key == "__id__" and isinstance(item, int):
            out[key] = int(numbers.setdefault(str(item), str(len(numbers))))
        elif key == "file" and isinstance(item, str):
            numbers.setdefault(item.partition(".")[0], str(len(numbers)))
            out[key] = _member(item, numbers)
        else:
            out[key] = _renumbered(item, numbers)
    return out


def _member(name: str, numbers: dict[str, str]) -> str:
    return re.sub(r"^\d+", lambda match: numbers[match[0]], name)
