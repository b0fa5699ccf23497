"""Models: compiled trees, calibration, training, artifacts, and what the default model says of real recordings.

Compiled trees give scikit-learn's bits, the same training gives the same bytes, and an artifact that was changed is refused.

May use `data`, for alarms on real recordings. No service.
"""
