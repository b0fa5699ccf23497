"""What mapping a file of no known format probably needs: looked at, guessed, written down for a person to check.

Decides from names and from the first rows which column is which, in which unit, form and zone times are, and what one in a price
or size is worth. Whatever is guessed and not sure is said in a note. Nothing here reads ticks: a guess is a mapping like any
other, and is tried by the reader of mappings. May use the rest of `mapping`.
"""
