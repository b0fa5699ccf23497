"""What docker/ says, held against the project: an image is not built here, so what it names has to be right."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml

from commands import program
from jobs.services.jars import KAFKA_VERSION

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "tickproof")


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_there_is(name: str) -> None:
    """Its options are parsed as the command would parse them, and nothing is run."""
    verb, *arguments = SERVICES[name]["command"]
    context = click.Context(program)
    command = program.get_command(context, verb)
    while isinstance(command, click.Group):
        command = command.get_command(context, arguments.pop(0))
    assert command is not None
    command.make_context(verb, arguments)


def test_the_broker_is_the_one_that_is_locked() -> None:
    assert SERVICES["broker"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_nothing_listens_outside() -> None:
    assert any(service.get("ports") for service in SERVICES.values())
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_image_is_set_up_by_a_target_of_the_makefile() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    targets = re.findall(r"^RUN make (\w+)", text, re.MULTILINE)
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_what_a_checkout_leaves_behind_stays_out_of_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".venv", ".tickproof", ".git"} <= set(ignored)
