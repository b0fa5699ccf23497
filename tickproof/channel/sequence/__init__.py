"""Sequence numbers of one channel: what is missing, sent again, late, and when the counter starts again.

`numbers` measures a message against the main sequence and decides what its number says; `gaps` holds the numbers that are
missing, `out_of_order` follows what is behind, and `trade_ids` does the same by trade ids where a feed has no numbers. All of
them work on the records of `history`: the counter, and a ring of the last messages.

The room decides the codes `sequence_gap`, `sequence_reset`, `duplicate`, `duplicate_changed`, `replayed_block` and the part of
`out_of_order` that comes from numbers. It may use `findings`, `ticks` and `channel.message`, and nothing else of the channel.
"""
