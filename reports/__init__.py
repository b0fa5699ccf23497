"""What people read: reports on a scan or on a job's run, as self-contained HTML.

Decides which findings and ticks are shown, how values are worded and how charts are drawn. `page` selects the data once;
templates only render it. Whether a tick is wrong is never decided here.

May use `tickproof`; never `models`, `jobs` or `producers`.
"""
