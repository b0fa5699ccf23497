"""Jobs without services: scans of recordings and tables, training rows, kernels compiled ahead.

Decides how results that come by shard and when final are laid beside the input's rows, and how a scan's folder is written so that
it is whole or absent.

May use `pipeline`, `models` and `producers`; neither Kafka nor Flink.
"""
