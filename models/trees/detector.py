"""The model that the scoring step uses: features in, scores out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.trees.calibration import ByKind, trades_among
from models.trees.forest import Forest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Detector:
    """Trees and their calibration, ready to score.

    Attributes
    ----------
    version : str
        A short hash of everything that decides a score.
    feature_names : tuple of str
        The columns that `score` expects, in order; the trees may have been trained on fewer of them.
    threshold : float
        The score from which a tick counts as corrupt.
    """

    version: str
    feature_names: tuple[str, ...]
    threshold: float
    forest: Forest
    calibration: ByKind

    def score(self, features: Floats) -> npt.NDArray[np.float32]:
        """Return scores: −log10 of the share of clean traffic that scores as high.

        A row's score does not depend on the other rows, so batches of any size give the same.

        Parameters
        ----------
        features : float64 array, shape (n, len(feature_names))
            NaN is missing.

        Returns
        -------
        float32 array, shape (n,)
            0 and more; high is corrupt.

        Raises
        ------
        ModelError
            Another shape.
        """
        return self.calibration.apply(self.forest.margins(features), trades_among(features, self.feature_names))

    def contributions(self, row: Floats) -> Floats:
        """Return what each feature adds to the margin of one row, in log-odds; above 0 speaks for corrupt. See `Forest`."""
        return self.forest.contributions(row)
