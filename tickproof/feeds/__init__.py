"""Where the channels of a job meet: what can only be told by comparing channels with their peers.

Decides whether a channel's rate or mix of messages leaves what its peers do, and whether a whole feed is silent, which is one
finding and not one a channel. Works on one control row a channel and second, never on ticks.

May use `channel`, `findings` and `ticks`. Called by the shard that receives the control rows.
"""
