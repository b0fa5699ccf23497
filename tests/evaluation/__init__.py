"""How good verdicts are: recall and false alarms against labels, and published cleaners on the same streams.

Evaluations are counted by hand on small streams (`tests.support.hand_counted`); published cleaners follow their papers'
definitions, and `taq_cleaning` does the steps of the R package highfrequency. `test_detection` is the gate: recall and false
alarms of a simulated day by kind (`detection_table`), held against `detection_table.csv`, which `make detection-table` renews.

May use `data`, for the sample of the R package. No service.
"""
