"""Sources of the topics: the market simulator with labelled faults, readers of recordings, replay and publishing."""
