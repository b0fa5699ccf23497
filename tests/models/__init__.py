"""Trees, calibration, training, baselines, and how good verdicts are: recall and false alarms against labels.

Compiled trees give scikit-learn's bits, evaluations are counted by hand on small streams (`tests.support.hand_counted`),
published cleaners follow their papers' definitions. `test_detection.py` is the gate: recall and false alarms of a simulated day
by kind, held against `detection_table.csv`, which `make detection-table` renews.

May use `data`, for alarms on real recordings and for the sample of the R package highfrequency. No service.
"""
