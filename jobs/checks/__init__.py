"""Checks before work begins: what `tickproof doctor` looks at, and what must hold before a job is submitted.

Decides what is looked at, which state a check has (ok, warning, failed, could not check), and what a person should do next. Flink
itself would accept a job without topics or broker and restart it for ever.

The top room of `jobs`: may use all others.
"""
