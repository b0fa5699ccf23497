"""Models on disk: an artifact of trees, probes, manifest and card, found by alias or path.

Decides what is written, in which bytes (the same every time), and what is checked before a loaded model is trusted: a closed list
of types, hashes, features by name, probes that must score as recorded. No pickle.

May use `training` and `trees`. `registry` is cheap to import: scikit-learn comes in when a model is opened.
"""
