"""What fills the topics: the simulated market with labelled faults, readers of recorded feeds, replay and publishing.

    streams < market < faults < simulation < publish | realism
    streams < recordings < publish

The rooms decide what a stream contains and when it is due; only `publish` talks to a broker. All streams follow from a seed or
from their files: no clock and no random source but the seed's. May use `tickproof`; never `models`, `jobs` or `reports`.
"""
