"""From labelled features to a fitted and calibrated model; the audit that simulated faults do not leak.

Decides weights, folds, parameters and the calibration set: the same data, parameters and seed give the same trees. The audit
trains a classifier on the format of ticks alone, which must be at chance.

May use `trees`, `evaluation`, scikit-learn and `tickproof`.
"""
