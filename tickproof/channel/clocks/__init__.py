"""A venue's clock against ours, by the lag of each message of its channel.

`offset` judges single stamps and an amount by which the clock is off, as a few messages show it; `drift` a clock that gains or
loses, as the lowest lags of some seconds show it; `shift` both, where messages are few and evidence adds up over a minute.

May use the rooms below `tickproof.channel`, and of that one what a message and its events are.
"""
