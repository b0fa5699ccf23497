"""Pages of documentation that are made from tables.

Decides how a table of the program reads as Markdown; what stands in it is decided where the table is. Each module has a function
`page` that returns the text of one file below `docs/`, and a test holds the committed file against it.

May use every package whose table it renders.
"""
