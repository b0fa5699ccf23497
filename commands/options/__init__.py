"""What verbs need to explain themselves: names that options offer, and types of options.

`--help` of any verb, `--version` and a wrong call answer at once. So a verb's module holds its options and its help, and imports
nothing but click, this room and `commands.configuration`; what it does is in the `work.py` beside it, or for a verb of one module
in `commands/work/`, which its callback imports. `tests/project/test_commands.py` lists what a verb's module may not import.

    tables.py     names from the tables that the code runs on; `tables.json` is made from them by `tickproof docs`
    types.py      types of options that several verbs take

Imports nothing heavier than click.
"""
