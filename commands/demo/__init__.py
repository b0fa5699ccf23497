"""`tickproof demo`: a broker, a job and a market with faults, shown while they run.

Decides what is started and in which order, what the terminal shows, and what is left behind: the report, and no process. The
market without its faults is judged beside the job, to know what chance would find.

May use every package; verbs import it and nothing else does.
"""
