"""Readers of recorded feeds: one contract for every format of the table, then each format's own columns, clocks and books.

The contract: ticks and undecoded lines add up, cut and damaged files give a reason and never an exception, packed files read as
plain ones. Formats are held against the csv module, databento-dbn and plain books. Samples are written by
`tests.support.recording_samples`.

May use `data`; what is read there is held against another reader's counts.
"""
