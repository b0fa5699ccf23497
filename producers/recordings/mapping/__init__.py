"""A mapping: how the columns of somebody else's file become the columns of ticks, as data.

Decides what a mapping may say (`specification`), how cells become times (`times`; numbers are in `reading.cells`), how a
table becomes ticks with every other row counted (`rows`), which files a mapping is for (`files`), and what mapping a file of no
known format probably needs (`guess`, `describe`). The mappings of vendors whose files are no more than columns are in `vendors`.

A mapping holds no code and no expression: what it cannot say is a reader of its own. May use `reading`, `producers.streams`
and `tickproof`.
"""
