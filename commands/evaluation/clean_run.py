"""The demonstration's market without faults, scanned without Kafka and Flink: measures what chance finds.

A child process that `tickproof demo` starts with one JSON object, so that it uses the second core while the job runs. It is no
command for a person: `simulate --no-faults` and `scan` do the same.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from jobs.offline import scan_folder
from jobs.offline.scan import run
from jobs.pipeline.settings import pipeline_settings
from producers.market.parameters import Market
from producers.simulation.day import simulate
from producers.streams.heartbeats import Heartbeats
from tickproof.settings import Settings

NICENESS = 5
"""The job has priority."""


def main(seed: int, minutes: float, settings: Settings, folder: Path) -> None:
    """Write the scan of the market without faults to `folder`."""
    os.nice(NICENESS)
    market = Market.varied(seed, "evaluate", minutes=minutes)
    scan_folder.write(run(simulate(market), pipeline_settings(settings).opened(), Heartbeats(1)), folder)


if __name__ == "__main__":
    said = json.loads(sys.argv[1])
    main(said["seed"], said["minutes"], Settings.model_validate(said["settings"]), Path(said["folder"]))
