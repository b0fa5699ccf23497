"""Labelled faults and their genuine twins.

Decides where and when an episode of each kind is put into a clean stream, so that episodes keep clear of each other and of
genuine events, and which label describes it. `table` lists every kind once; `kinds` makes them and `editing` has the means to
change ticks. What is corrupted must not show by its format alone: the audit in `models.training` holds this.

May use `market`, `streams` and `tickproof`.
"""
