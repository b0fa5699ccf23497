"""The kinds of faults, grouped by what they corrupt: fields, levels, sequence, symbols, relations, channels, bursts.

Decides what each fault does to the ticks of its episode, and how strong it is. Where an episode goes is decided by `injection`
in the room above; a kind only gets its window.

May use `editing`, `market` and `streams`.
"""
