"""Models: trained with scikit-learn, stored without pickle, scored by compiled code, measured against labels.

`train` fits trees to labelled features and calibrates their margin on clean traffic; `artifact` keeps the result in a folder and
loads it as a `Detector`, the one thing the scoring step knows; `forest` holds the exact compiled scoring of the trees; `registry`
finds a model by alias or path; `evaluate` measures scored ticks and findings against labels; `baselines` are published cleaners,
and `beside` compares them on the same streams.
"""
