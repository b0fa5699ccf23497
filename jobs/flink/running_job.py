"""A job that runs: watched through Flink's REST interface until it really runs, ends, or says why it does not."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from jobs.flink.rest import ENDED, Rest, deepest_cause
from jobs.flink.stop_job import step_error
from tickproof.errors import ServiceError, StepError

START_S = 120.0
POLL_S = 0.2
FAILURES_AT_START = 3
"""A job that fails so often before it ever runs will not run."""


class RunningJob:
    """One job.

    Parameters
    ----------
    rest : Rest
    id : str
        32 hex digits.
    client : optional
        pyflink's JobClient, where the job was submitted from this process: its mini-cluster's REST interface ends with the job.
    """

    def __init__(self, rest: Rest, id: str, client: Any = None) -> None:
        self.rest = rest
        self.id = id
        self._client = client

    def wait_running(self, timeout_s: float = START_S) -> None:
        """Wait until every stage runs; raises ServiceError with the deepest cause when it does not, StepError as `check`."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.check()
            try:
                if self.rest.running(self.id):
                    return
                failures, state = self.rest.failures(self.id), self.rest.state(self.id)
            except ServiceError:
                # The interface of a mini-cluster comes up a moment after the job, and goes down with it.
                if self._client is not None and self.ended():
                    return
                failures, state = 0, "unknown"
            if state == "FINISHED":
                return
            if failures >= FAILURES_AT_START or state in ENDED:
                raise ServiceError(f"job {self.id} does not run: {self.rest.cause(self.id) or state}")
            if time.monotonic() > deadline:
                cause = self.rest.cause(self.id) if state != "unknown" else None
                raise ServiceError(f"job {self.id} is {state} after {timeout_s:.0f} s: {cause or 'no failure reported'}")
            time.sleep(POLL_S)

    def failures(self) -> int:
        """How often it has failed so far."""
        return self.rest.failures(self.id)

    def check(self) -> None:
        """Stop a job that failed because a step fails on everything, which Flink would start again to the same end.

        Raises
        ------
        StepError
            It was such a job; it is being cancelled.
        """
        # The interface of a mini-cluster comes up a moment after the job, and goes down with it.
        with suppress(ServiceError):
            error = step_error(self.rest.cause(self.id))
            if error is not None:
                with suppress(ServiceError):
                    self.cancel()
                raise error

    def wait(self) -> None:
        """Wait until a bounded job has ended; raises ServiceError if it failed, StepError as `check`."""
        while not self.ended():
            self.check()
            time.sleep(POLL_S)
        if self._client is None:
            state = self.rest.state(self.id)
            if state != "FINISHED":
                raise ServiceError(f"job {self.id} is {state}: {self.rest.cause(self.id) or 'no cause reported'}")
            return
        from py4j.protocol import Py4JJavaError
        from pyflink.util.exceptions import JavaException

        try:
            self._client.get_job_execution_result().result()
        except (Py4JJavaError, JavaException) as error:
            cause = deepest_cause(str(error))
            raise step_error(cause) or ServiceError(f"job {self.id} failed: {cause}") from error

    def stop(self, folder: str, *, drain: bool = False) -> str:
        """Stop it with a savepoint in `folder`; returns the savepoint's path."""
        return self.rest.stop_with_savepoint(self.id, folder, drain=drain)

    def cancel(self) -> None:
        """End it where it stands."""
        self.rest.cancel(self.id)

    def ended(self) -> bool:
        """Whether it has finished, failed or was ended."""
        if self._client is None:
            return self.rest.state(self.id) in ENDED
        return bool(self._client.get_job_execution_result().done())

    def wait_ended(self) -> None:
        """Wait until it has ended, however it did; a mini-cluster is gone then."""
        try:
            self.wait()
        except (ServiceError, StepError):
            if not self.ended():
                raise
