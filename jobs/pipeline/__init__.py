"""The pipeline without Kafka and Flink: what a channel's worker and a shard's worker do with what arrives.

Decides how records are decoded, what becomes a dead letter, when waiting ticks are released, what the state store must remember,
and how a step that fails is kept from stopping the feed. The local engine is a loop over the workers; the Flink functions in
`jobs.flink` feed the same workers, so that both give the same results by construction.

May use `tickproof` and `models.store`; neither pyflink nor a Kafka client.
"""
