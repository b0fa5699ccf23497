"""`tickproof evaluate`: verdicts and findings against labels, as tables and JSON.

Decides which streams belong to which labels, how several are pooled, and how results are laid out. What is measured, and how, is
`models.evaluation`'s.

May use `models`, `jobs` and `producers`.
"""
