"""Fitted trees as compiled scorers: the same margins as scikit-learn, bit for bit, then calibrated to scores.

Decides how trees are laid out for a fast traversal, which rows prove that it agrees with scikit-learn, and how a margin becomes a
score with one meaning: the share of clean traffic that scores as high.

May use `tickproof.features` and numba; fitting is left to `training`.
"""
