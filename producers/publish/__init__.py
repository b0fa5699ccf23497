"""To Kafka: framing, pacing, replay, transactions, and the transport faults of a demonstration.

Decides which ticks are sent together, when each is due, what a resumed replay has already sent, and what a broken payload looks
like. `kafka` and `transactions` are the only clients of a broker in `producers`.

May use every other room but `realism`, and `tickproof`. Clocks are read here and nowhere else in `producers`.
"""
