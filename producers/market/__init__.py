"""What a simulated market is: its parameters, symbols, sessions, genuine events, and the path from venue to capture.

Decides who trades where and when, when news, halts and splits happen, and with which latency, sequence number and trade id a
message arrives. Prices and orders are made in `simulation`, faults in `faults`.

May use `streams` and `tickproof`.
"""
