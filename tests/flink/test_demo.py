"""The demonstration as a program: it measures what it shows, and leaves nothing behind, however it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from rich.console import Console

from commands.demo.view import Status, line, table
from commands.demo.work import _settings
from producers.publish.broken_payloads import WAYS, Breaker
from producers.publish.framing import Frame, Framing
from tests.support.streams import quoting
from tickproof.errors import WireError
from tickproof.findings.finding import BY_NAME
from tickproof.wire import decode_frame, decode_json, detect

DEMO = [sys.executable, "-c", "import commands; commands.main()", "demo", "--minutes", "0.2"]
ENDS_S = 60.0


def start(folder: Path, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
    """A demo whose scratch files, of all its processes, are in `folder`/tmp."""
    (folder / "tmp").mkdir()
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(root)}
    return subprocess.Popen([*DEMO, *arguments], cwd=folder, env=environment, text=True, **streams)


def left_of(folder: Path) -> list[list[str]]:
    """The command lines of processes that know the folder: broker, job, JVM and their guards have it in theirs."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        said = process.info["cmdline"] or []
        if any(str(folder) in word for word in said):
            found.append(said)
    return found


def test_no_partition_of_a_demo_is_taken_for_idle() -> None:
    """However slow the start: a short demo on a quiet machine would not show it."""
    assert _settings(Path("reference.json")).idle_after_s == 0


@pytest.mark.usefixtures("flink")
def test_a_short_demo_scores_every_tick_once_and_leaves_only_the_report(tmp_path: Path) -> None:
    running = start(tmp_path, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, said = running.communicate()
    assert running.returncode == 0, said
    answer = json.loads(out)
    assert answer["complete"]
    assert (answer["overtaken"], answer["restarts"]) == (0, 0)
    assert answer["dead_letters"] == len(WAYS)
    assert 0 < answer["first_scored_s"] <= answer["first_committed_s"] <= answer["seconds"]
    assert 0 < answer["latency_p50_ms"] <= answer["latency_p99_ms"]
    evaluation = answer["evaluation"]
    assert evaluation["chance_by"] == "clean run"
    found = {row["kind"]: row["found"] for row in evaluation["kinds"]}
    # Two within five seconds on one channel are one finding.
    assert found["payload_unreadable"] >= 1
    assert found["schema_changed"] >= 1
    assert evaluation["macro"]["recall"] > evaluation["macro"]["chance"]
    report = tmp_path / answer["report"]
    assert "payload_unreadable" in report.read_text(encoding="utf-8")
    # Progress, and nothing that Java or a thread had to say.
    assert all(" s  " in text for text in said.splitlines()), said
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [report]
    assert not left_of(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("flink")
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, number: int) -> None:
    running = start(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    for text in running.stdout:
        if "starting the job" in text:
            break
    children = psutil.Process(running.pid).children(recursive=True)
    assert len(children) >= 2, "a broker and a job"
    running.send_signal(number)
    _, said = running.communicate(timeout=ENDS_S)
    assert (running.returncode, said.strip()) == (128 + number, "")
    _, alive = psutil.wait_procs(children, timeout=ENDS_S)
    assert not alive
    assert not left_of(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def frames() -> list[Frame]:
    return list(Framing(10, 10**9).step(quoting(100).ticks()))


def test_every_way_to_break_a_frame_is_refused_for_the_reason_that_its_label_names() -> None:
    breaker = Breaker([0] * len(WAYS))
    made = [broken for frame in frames() if (broken := breaker.step(frame)) is not None]
    assert [broken.label for broken in made] == breaker.labels
    for way, broken in zip(WAYS, made, strict=True):
        assert BY_NAME[way.code].name == broken.label.kind
        if detect(broken.value, broken.headers) == "json":
            ((_, error),) = decode_json([broken.value]).errors
        else:
            with pytest.raises(WireError) as raised:
                decode_frame(broken.value, broken.headers, broken.key.encode())
            error = raised.value
        assert error.schema_changed == (way.code == "schema_changed"), way.name


def test_a_frame_is_broken_when_its_time_has_come() -> None:
    all_frames = frames()
    breaker = Breaker([all_frames[3].first_ns])
    assert [breaker.step(frame) is not None for frame in all_frames].index(True) == 3
    assert len(breaker.labels) == 1


def test_the_rate_is_that_of_the_last_seconds_and_first_and_speed_are_kept() -> None:
    status = Status()
    assert (status.rate, status.speed, status.first_scored_s, status.delay_ms(0.5)) == (0.0, 0.0, None, None)
    status.count(0)
    assert status.first_scored_s is None
    status.count(0, has_scored=True)
    first_s = status.first_scored_s
    assert first_s is not None
    assert status.first_committed_s is None
    status.count(500)
    committed_s = status.first_committed_s
    status.count(1500)
    assert (status.first_scored_s, status.first_committed_s) == (first_s, committed_s)
    status.caught_up()
    status.count(9000)
    status.caught_up()
    assert status.speed > 0
    status.delays_ns.append(np.array([1_000_000, 3_000_000]))
    assert status.delay_ms(0.5) == 2.0


def test_the_view_says_the_same_on_a_terminal_and_elsewhere() -> None:
    status = Status("streaming", published=20_000, scored=12_345, broken=5, dead=3)
    status.by_code["silent"] = 7
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        console.print(table(status))
    said = captured.get()
    for text in ("12,345", "20,000", "3 of 5", "silent", "streaming"):
        assert text in said
    assert "12,345 scored" in line(status)
