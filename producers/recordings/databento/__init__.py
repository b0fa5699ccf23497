"""The reader of Databento's DBN files, every schema, with the official decoder.

Decides how records of each schema become ticks, how an order-by-order book gives its top, and what publishers, datasets and
status codes mean.

May use `reading`, `producers.streams` and `tickproof`.
"""
