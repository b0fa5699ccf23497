"""Models: trained with scikit-learn, stored without pickle, scored by compiled code, measured against labels.

    trees | baselines < evaluation < training < store

The scoring step of the domain knows a model only as a `Detector` (features in, scores out); everything about how it came to be is
here. `default` is the model that ships, with its card. May use `tickproof`; never `producers`, `jobs` or `reports`.
"""
