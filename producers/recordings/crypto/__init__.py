"""Readers of crypto exchanges: raw websocket sessions of cryptofeed, Binance files, Tardis.

Decides how each exchange's messages become quotes and trades, how its checksums and sequence chains are held, and when a book is
not known. One module an exchange.

May use `reading` and `tickproof`.
"""
