"""The documents are true: README's commands parse and the cheap ones run, its consumer reads what the job writes, every verb is
mentioned, and what CONTRIBUTING and the decisions name is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pytest
from confluent_kafka import Producer

from commands import COMMANDS, program
from jobs.kafka import topics
from jobs.pipeline import outputs
from jobs.pipeline.settings import Versions
from jobs.services.broker import Broker
from tickproof.findings.finding import VERDICT
from tickproof.ticks.schema import ROW, Ticks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```([^\n]*)\n(.*?)```", README, re.DOTALL)
CALLS = [line for kind, text in BLOCKS if kind == "console" for line in text.splitlines() if line.startswith("tickproof ")]


@pytest.mark.parametrize("line", CALLS)
def test_commands_parse(line: str) -> None:
    command: click.Command = program
    context = click.Context(program, info_name="tickproof")
    arguments = shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group):
        found = command.get_command(context, arguments[0])
        assert found is not None, arguments[0]
        command, arguments = found, arguments[1:]
        context = click.Context(command, parent=context)
    # Paths of the examples do not exist here: only names and counts of options and arguments are checked.
    parser = command.make_parser(context)
    options, _, _ = parser.parse_args(args=list(arguments))
    assert {parameter.name for parameter in command.params} >= {name for name in options if name != "help"}


def test_the_first_steps_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    section = README[README.index("## Without any service") : README.index("In a notebook")]
    (text,) = [text for kind, text in re.findall(r"```([^\n]*)\n(.*?)```", section, re.DOTALL) if kind == "console"]
    for line in text.splitlines():
        # A shorter market; all else as it stands there.
        program.main(shlex.split(line.replace("--minutes 2", "--minutes 0.2"))[1:], standalone_mode=False)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "scored.parquet",
        "findings.jsonl",
        "statistics.parquet",
        "report.html",
    }


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)\b", README + CONTRIBUTING)) <= targets


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/decisions.md"])
def test_what_is_named_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    named = re.findall(r"`((?:tickproof|producers|models|jobs|reports|commands|tests|docs|bench)/[\w/.-]*)`", text)
    for path in [*((ROOT / name).parent / target for target in linked), *(ROOT / target for target in named)]:
        assert path.exists(), path


def test_each_extension_has_one_place_and_a_test() -> None:
    rows = re.findall(r"^\| an? ([^|]*) \| ([^|]*) \| ([^|]*) \|$", CONTRIBUTING, re.MULTILINE)
    assert {what for what, _, _ in rows} >= {
        "feature",
        "rule",
        "fault",
        "recording format",
        "model",
        "report",
        "command",
        "topic",
    }
    for what, place, test in rows:
        module = next(ROOT / path for path in re.findall(r"`([\w/]+\.(?:py|j2))`", place))
        source = module.read_text(encoding="utf-8")
        for table in re.findall(r"`([A-Z]+)`", place):
            assert re.search(rf"^{table}\b", source, re.MULTILINE), f"{what}: {table} in {module}"
        assert re.findall(r"`(tests/\w+\.py)`", test), what


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_verb_is_mentioned(verb: str) -> None:
    assert f"tickproof {verb}" in README or f"`{verb}`" in README


def test_the_consumer_reads_what_the_job_writes_and_drops_corrupt_ticks(broker: Broker, prefix: str) -> None:
    (source,) = [text for kind, text in BLOCKS if kind == "python consumer"]
    assert len(source.strip().splitlines()) <= 20
    topics.create(broker.brokers, prefix)
    rows = np.zeros(5, ROW)
    rows["ts_recv"] = np.arange(5) + 10**18
    rows["symbol"] = 1
    verdicts = np.zeros(5, VERDICT)
    verdicts["final_quality"] = [0, 2, 1, 2, 3]
    producer = Producer({"bootstrap.servers": broker.brokers})
    for record in outputs.scored(0, Ticks(rows, ("V.A", "S")), verdicts, Versions("1", "none")):
        producer.produce(prefix + "ticks.scored", record.value, record.key, headers=list(record.headers.items()))
    assert producer.flush(10) == 0
    namespace: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), namespace)
    good_ticks = namespace["good_ticks"]
    assert callable(good_ticks)
    consumer = good_ticks(broker.brokers, prefix + "ticks.scored")
    table: pa.Table = next(consumer)
    consumer.close()
    assert table["final_quality"].to_pylist() == [0, 1, 3]
    assert table["ts_recv"].to_pylist() == [10**18, 10**18 + 2, 10**18 + 4]
