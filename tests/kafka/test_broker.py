"""The broker as a service: what stands in the way is one line, it ends with us, and its data outlives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jobs.kafka import topics
from jobs.services.broker import IDENTITY, Broker, client
from tickproof.errors import ServiceError


def test_it_listens_on_loopback_only(broker: Broker) -> None:
    listening = {one.laddr.ip for one in psutil.Process(broker.service.pid).net_connections() if one.status == psutil.CONN_LISTEN}
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_topics_are_never_made_automatically(broker: Broker, prefix: str) -> None:
    admin = client(broker.brokers)
    found = admin.list_topics(prefix + "never", timeout=10).topics[prefix + "never"]
    assert found.error is not None
    assert prefix + "never" not in admin.list_topics(timeout=10).topics


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ServiceError, match=r"is taken.*--port"):
        Broker.start(tmp_path / "broker", taken.getsockname()[1])
    assert not (tmp_path / "broker").exists()


def test_data_of_another_version(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).write_text(json.dumps({"kafka": "3.9.0", "cluster": "x", "controller_port": 1}))
    with pytest.raises(ServiceError, match=r"holds data of Kafka 3\.9\.0, this is Kafka 4"):
        Broker.start(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"kafka": "4.2.0"}', '{"kafka": 1, "other": 2}'])
def test_an_identity_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / IDENTITY).write_text(text)
    with pytest.raises(ServiceError, match="choose another folder"):
        Broker.start(tmp_path)


def test_data_of_unknown_origin(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(ServiceError, match="choose another folder"):
        Broker.start(tmp_path)


def test_two_brokers_cannot_share_a_folder(broker: Broker) -> None:
    with pytest.raises(ServiceError, match="another broker uses"):
        Broker.start(broker.folder)


STARTER = """
import os, pathlib, sys
from jobs.kafka import topics
from jobs.services.broker import Broker
broker = Broker.start(pathlib.Path(sys.argv[1]))
topics.create(broker.brokers, names=["feed.findings"])
print(broker.service.pid, broker.port, flush=True)
os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.broker
def test_it_dies_with_its_starter_and_its_data_can_be_started_again(tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path / "broker"), str(int(signal.SIGKILL))]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout.split()[0])
    # The guard gives it a few seconds to end in order.
    gone, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=30)
    assert not alive, gone
    with Broker.start(tmp_path / "broker") as again:
        assert topics.partitions(again.brokers) == {"feed.findings": 1}
        assert os.getpgid(again.service.pid) == again.service.pid
    assert not psutil.pid_exists(again.service.pid)
