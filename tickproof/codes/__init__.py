"""The codes: one entry for each thing that can be wrong with a feed, with everything that is known of it.

Decides what a code is called and which bit it has, what kind of statement a finding of it makes, how severe that is, what its
measured values are, how it is decided in words and by which functions, and what a person should do about it. Findings, kernels,
reports, `docs/codes.md` and the contract tests read these entries; nobody else keeps a fact about a code.

Entries are plain data, grouped by what they are about, and joined in `table`. Bits, names, classes, severities and qualities are
part of the contract and never change. Nothing is imported here, numba and numpy least of all: a report needs words, no kernels.
"""
