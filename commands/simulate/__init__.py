"""`tickproof simulate`: a simulated market as files or straight to a broker, its audit and its comparison with recordings.

Decides what is written beside the ticks (labels, reference data), how the audit of faults picks its streams, and what a
comparison shows.

May use `producers`, `models` and `reports`.
"""
