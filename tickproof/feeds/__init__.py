"""Where the channels of a job meet: what shows only when channels are compared.

`monitor` takes the control rows that channels send, in the order of the one shard that has it, and asks the other modules:
`rate_and_mix` whether a channel's rate or mix of messages leaves the regime of its peers, and whether one repeats itself many
times as often as they do; `silence` whether all channels of a feed are silent, which is one finding and not one a channel.

The room decides `rate_shift`, `mix_shift`, bursts of a channel against its peers, and silences of feeds. It knows no tick and
no price. It may use `channel.control_rows` and their records, and `findings`.
"""
