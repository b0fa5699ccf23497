"""Reference pages made from the tables that the code runs on, so that no page can contradict it.

One module a page, with a pure function `page() -> str` that returns the whole text of a Markdown file; `pages.py` lists them,
and `docs.py` is the verb that writes or checks them. A renderer reads a table and formats it: it opens no file, reads no clock,
and states no fact that is not in the table. A new page is a module and one row of PAGES.

    codes.py            the codes of findings, from `tickproof/codes/`
    configuration.py    the settings, from `tickproof/settings.py`
    formats.py          the recording formats, from `producers/recordings/registry.py`
    markdown.py         tables
    option_tables.py    the names that options offer, for `commands/options/tables.json`
"""
