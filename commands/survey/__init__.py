"""All recordings below a folder, scanned, as one page with a person's readings beside the figures.

Decides which recordings are joined to one scan, which minutes count as the wildest, and what the page says of each.

May use `jobs`, `producers` and the verb `scan`.
"""
