"""How the ticks of one recording came: in which unit their times are, in which order they stand, and by whose clock.

Files are written newest first, in pages, by two programs at once, in milliseconds where nanoseconds belong, or by a clock that
was set in between. Each of these is a fact about the file and not about its market: it is decided once, before a tick is judged,
told as one statement, and put right where it is certain.

Pure steps over columns decide (`units`, `order`, `ties`, `clock`); `mending` runs them over a file's batches. May use
`reading`, `producers.streams` and `tickproof`, and knows no format.
"""
