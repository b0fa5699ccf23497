"""The REST client: causes in one line, and what it says when Flink is not there, or refuses. Flink's answers are in its form."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobs.flink.rest import Job, Rest, deepest_cause
from tickproof.errors import ServiceError

PYTHON_TRACE = """org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.ExecutionFailureHandler.handleFailure(ExecutionFailureHandler.java:213)
Caused by: java.lang.RuntimeException: Error while waiting for BeamPythonFunctionRunner flush
Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 2: Traceback (most recent call last):
  File "apache_beam/runners/worker/sdk_worker.py", line 311, in _execute
    response = task()
KeyError: 'outer'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "jobs/flink/functions.py", line 12, in process_element
    raise ValueError("boom at 50")
ValueError: boom at 50

\tat java.base/java.util.concurrent.CompletableFuture.reportGet(Unknown Source)
Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 2
"""


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (PYTHON_TRACE, "ValueError: boom at 50"),
        (
            "a.JobException: outer\n\tat x.Y(Z.java:1)\nCaused by: java.lang.RuntimeException: middle\n\t... 9 more\n"
            "Caused by: org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment.\n\t... 1 more",
            "TimeoutException: Timed out waiting for a node assignment.",
        ),
        ("java.lang.OutOfMemoryError: Java heap space\n\tat x.Y(Z.java:1)", "OutOfMemoryError: Java heap space"),
        ("java.lang.NullPointerException\n\tat x.Y(Z.java:1)", "NullPointerException"),
        ("Job not found\n", "Job not found"),
        ("", "no reason given"),
    ],
)
def test_deepest_cause(trace: str, cause: str) -> None:
    assert deepest_cause(trace) == cause


ANSWERS: dict[str, tuple[int, dict[str, Any]]] = {
    "/jobs/overview": (
        200,
        {
            "jobs": [
                {"jid": "a", "name": "old", "state": "FAILED", "start-time": 1, "duration": 5},
                {"jid": "b", "name": "new", "state": "RUNNING", "start-time": 2, "duration": -1},
            ]
        },
    ),
    "/jobs/a": (200, {"state": "FAILED", "vertices": [{"status": "FAILED"}]}),
    "/jobs/b": (200, {"state": "RUNNING", "vertices": [{"status": "RUNNING"}, {"status": "INITIALIZING"}]}),
    "/jobs/c": (200, {"state": "RUNNING", "vertices": [{"status": "RUNNING"}, {"status": "FINISHED"}]}),
    "/jobs/a/exceptions": (200, {"exceptionHistory": {"entries": [{"stacktrace": PYTHON_TRACE}]}}),
    "/jobs/b/exceptions": (200, {"exceptionHistory": {"entries": []}}),
    "/jobs/b/stop": (202, {"request-id": "1"}),
    "/jobs/b/savepoints/1": (200, {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/savepoint-1"}}),
    "/jobs/a/stop": (202, {"request-id": "2"}),
    "/jobs/a/savepoints/2": (
        200,
        {
            "status": {"id": "COMPLETED"},
            "operation": {"failure-cause": {"stack-trace": "x.FlinkJobNotFoundException: not there"}},
        },
    ),
    "/jobs/d": (404, {"errors": ["Not found", "x.NotFoundException: Job d not found\n\tat y"]}),
}


class Flink(BaseHTTPRequestHandler):
    """Answers from the table."""

    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path, (404, {}))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def rest() -> Iterator[Rest]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flink)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Rest(f"127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


def test_jobs_newest_first(rest: Rest) -> None:
    assert rest.jobs() == [Job("b", "new", "RUNNING", 0), Job("a", "old", "FAILED", 5)]


def test_a_job_runs_when_every_subtask_does(rest: Rest) -> None:
    assert not rest.running("b")
    assert rest.running("c")
    rest.wait_running("c")


def test_a_job_that_fails_at_start_says_why(rest: Rest) -> None:
    assert rest.cause("b") is None
    with pytest.raises(ServiceError, match=r"job a does not run \(FAILED\): ValueError: boom at 50"):
        rest.wait_running("a")


def test_stop_with_savepoint(rest: Rest) -> None:
    assert rest.stop_with_savepoint("b", "file:/x") == "file:/savepoint-1"
    with pytest.raises(ServiceError, match="FlinkJobNotFoundException: not there"):
        rest.stop_with_savepoint("a", "file:/x")


def test_refused(rest: Rest) -> None:
    with pytest.raises(ServiceError, match=r"refused /jobs/d \(404\): NotFoundException: Job d not found") as caught:
        rest.state("d")
    assert "\n" not in str(caught.value)


def test_nobody_there() -> None:
    rest = Rest("http://127.0.0.1:1/")
    assert not rest.answers()
    with pytest.raises(ServiceError, match=r"no Flink answers at 127\.0\.0\.1:1 .*cluster start"):
        rest.jobs()
