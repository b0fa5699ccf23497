"""The simulated market at work: prices, arrivals, order books, quoting and trading.

Decides the efficient price of each symbol, when something happens on a venue, and which quotes and trades follow, block by block;
`day` joins it with faults to a stream in capture order. Books and quoting are compiled.

May use `faults`, `market` and `streams`.
"""
