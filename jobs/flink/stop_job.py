"""Stopping a job for good when a step fails on everything: Flink would start it again and again, to the same end.

Flink knows no exception of Python that ends a job. A job in a mini-cluster is cancelled by the process that watches it
(`jobs.flink.running_job`). On a session cluster nobody watches: the stage that gives up starts this module as a process of its
own, because a worker is ended with its task, and it cancels the job once Flink has written down why it failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.flink.rest import ENDED, POLL_S, Rest
from tickproof.errors import ServiceError, StepError

WAIT_S = 60.0
"""How long the failure is waited for."""
_PREFIX = f"{StepError.__name__}: "


def step_error(cause: str | None) -> StepError | None:
    """Return the StepError that a cause of `Rest.cause` tells of; None if it tells of something else."""
    _, found, text = (cause or "").partition(_PREFIX)
    return StepError(text) if found else None


@contextmanager
def job_is_stopped(rest: str | None) -> Iterator[None]:
    """See to it that a StepError in a stage ends the job of the cluster at `rest`; None: who watches the job does it."""
    try:
        yield
    except StepError:
        if rest is not None:
            here = str(Path(__file__).resolve().parents[2])
            paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
            subprocess.Popen(
                [sys.executable, "-m", "jobs.flink.stop_job", rest],
                env=os.environ | {"PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        raise


def stop_failed(rest: Rest, wait_s: float = WAIT_S) -> list[str]:
    """Cancel the jobs of a cluster that failed for a StepError and have not ended; wait for the first of them.

    Returns
    -------
    list of str
        The ids of the jobs that were cancelled; empty if there was none within `wait_s`.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            failed = [job.id for job in rest.jobs() if job.state not in ENDED and step_error(rest.cause(job.id))]
            for job in failed:
                rest.cancel(job)
        except ServiceError:
            failed = []
        if failed or time.monotonic() > deadline:
            return failed
        time.sleep(POLL_S)


if __name__ == "__main__":
    stop_failed(Rest(sys.argv[1]))
