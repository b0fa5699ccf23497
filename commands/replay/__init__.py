"""`tickproof replay`: recorded or simulated feeds to Kafka, at their own pace or another.

Decides which recordings are merged, how progress is shown, when a replay is resumed, and how a job's run is compared with another
(`--diff`).

May use `producers`, `jobs` and `models`.
"""
