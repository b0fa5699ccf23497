"""Clients of the topics: their table, reading what a run wrote, following findings, and the audit.

Decides how topics are configured and checked, which records a reader sees (committed ones only), and whether every tick is there
exactly once.

May use `pipeline`, `services` and confluent_kafka; no Flink.
"""
