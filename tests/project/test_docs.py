"""The documents are true: their commands parse and the cheap ones run, what they name is there, and pages made from tables are
exactly what the tables give."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from commands import COMMANDS, program
from commands.docs import configuration, formats, option_tables
from commands.docs.markdown import table
from commands.docs.pages import PAGES
from commands.options.tables import FILE
from jobs.kafka import topics
from jobs.pipeline import outputs
from jobs.pipeline.settings import Versions
from jobs.services.broker import Broker
from producers.recordings.registry import RECORDINGS, Format
from tests.support.recording_samples import SAMPLES
from tickproof.findings.finding import CODES, VERDICT
from tickproof.settings import Settings
from tickproof.ticks.schema import ROW, Ticks

ROOT = Path(__file__).parents[2]
PACKAGES = ("tickproof", "producers", "models", "jobs", "reports", "commands", "tests", "bench", "docs", "docker")
README_LINES = 150
SEARCHED = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "models/default/README.md"]
DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in SEARCHED}
README, GUIDE, CONTRIBUTING = DOCUMENTS["README.md"], DOCUMENTS["docs/guide.md"], DOCUMENTS["CONTRIBUTING.md"]
ARCHITECTURE = DOCUMENTS["docs/architecture.md"]
DECISIONS = {name: text for name, text in DOCUMENTS.items() if re.match(r"docs/decisions/2", name)}
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Call(NamedTuple):
    """A command that a document shows: where, its program (`tickproof` or `-m` and a module), and its arguments."""

    document: str
    program: str
    arguments: tuple[str, ...]


def blocks(text: str, kind: str) -> list[str]:
    """Return the fenced blocks of one kind."""
    return [body for found, body in FENCE.findall(text) if found == kind]


def inline_code(text: str) -> list[str]:
    """Return what stands between single backquotes outside fenced blocks, with line breaks as spaces."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCE.sub("", text))]


def calls_in(document: str) -> list[Call]:
    """Return the commands that a document shows, in blocks, in indented lines and in the text."""
    text = DOCUMENTS[document]
    lines = [line for block in blocks(text, "console") for line in block.splitlines()]
    lines += [line.strip() for line in text.splitlines() if line.startswith("    ")]
    found = []
    for line in [*lines, *inline_code(text)]:
        match = re.match(r"(?:\.venv/bin/)?(?:python (-m [\w.]+)|(tickproof))(?: (.*))?$", line)
        if match:
            found.append(Call(document, match[1] or match[2], tuple(shlex.split(match[3] or "", comments=True))))
    return found


CALLS = [call for document in DOCUMENTS for call in calls_in(document)]


def resolve(call: Call) -> tuple[click.Command, list[str]]:
    """Return the click command that a call runs, and the arguments that are left for it."""
    arguments = list(call.arguments)
    if call.program != "tickproof":
        module = importlib.import_module(call.program.removeprefix("-m "))
        if hasattr(module, "__path__"):
            module = importlib.import_module(f"{module.__name__}.__main__")
        (command,) = [value for value in vars(module).values() if isinstance(value, click.Command)]
        return command, arguments
    command = program
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"{call.document}: no command {name}"
        command = found
    return command, arguments


def option_names(command: click.Command) -> set[str]:
    """Return every spelling of a command's options."""
    parameters = command.get_params(click.Context(command))
    return {name for one in parameters if isinstance(one, click.Option) for name in (*one.opts, *one.secondary_opts)} | {"--help"}


def test_commands_are_found_in_the_documents() -> None:
    shown = {(call.program, call.arguments[:1]) for call in CALLS}
    assert len(CALLS) > 60
    assert {("tickproof", ("scan",)), ("tickproof", ("submit",)), ("-m bench", ("--only",))} <= shown


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.document}:{' '.join((call.program, *call.arguments))}")
def test_a_command_that_is_shown_exists_with_its_options(call: Call) -> None:
    if call.program == "-m pytest":
        assert call.arguments
        assert all((ROOT / path).exists() for path in call.arguments)
        return
    command, arguments = resolve(call)
    options = {word.partition("=")[0] for word in arguments if word.startswith("-") and not word.lstrip("-")[:1].isdigit()}
    assert options <= option_names(command), f"{call.document}: {options - option_names(command)}"
    assert CliRunner().invoke(command, ["--help"]).exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        line
        for name in ("README.md", "docs/guide.md")
        for block in blocks(DOCUMENTS[name], "console")
        for line in block.splitlines()
        if line.startswith("tickproof ")
    ],
)
def test_a_command_in_a_block_parses_whole(line: str) -> None:
    command, arguments = resolve(Call("", "tickproof", tuple(shlex.split(line, comments=True)[1:])))
    # Paths of the examples do not exist here: only names and counts of options and arguments are checked.
    options, _, _ = command.make_parser(click.Context(command)).parse_args(args=arguments)
    assert {parameter.name for parameter in command.params} >= {name for name in options if name != "help"}


def test_options_of_a_verb_named_in_the_text_exist() -> None:
    checked = 0
    for document, text in DOCUMENTS.items():
        for code in inline_code(text):
            verb, _, rest = code.partition(" ")
            if verb not in COMMANDS or "--" not in rest:
                continue
            command, arguments = resolve(Call(document, "tickproof", tuple(shlex.split(code))))
            assert {word for word in arguments if word.startswith("--")} <= option_names(command), f"{document}: {code}"
            checked += 1
    assert checked > 5


def test_the_readme_is_a_page() -> None:
    assert len(README.splitlines()) < README_LINES


@pytest.mark.slow
def test_the_first_steps_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    section = README[README.index("## Without a file") : README.index("## Read on")]
    (text,) = blocks(section, "console")
    for line in text.splitlines():
        # A shorter market; all else as it stands there.
        program.main(shlex.split(line.replace("--minutes 2", "--minutes 0.2"))[1:], standalone_mode=False)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "scored.parquet",
        "findings.jsonl",
        "statistics.parquet",
        "report.html",
    }


def test_what_the_readme_imports_is_there() -> None:
    (text,) = blocks(README, "python")
    (module, name) = re.findall(r"^from (\S+) import (\w+)$", text, re.MULTILINE)[0]
    assert callable(getattr(importlib.import_module(module), name))


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)\b", "\n".join(DOCUMENTS.values()), re.MULTILINE))
    assert {"setup", "demo", "test"} <= named <= targets


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_linked_or_named_is_there(name: str) -> None:
    path, text = ROOT / name, DOCUMENTS[name]
    for target in re.findall(r"\]\(([^)]+)\)", FENCE.sub("", text)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), f"{name}: {target}"
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{name}: {target}"
    for code in [*inline_code(text), *(line for _, block in FENCE.findall(text) for line in block.splitlines())]:
        for word in re.findall(rf"(?<![\w/.])(?:{'|'.join(PACKAGES)})/[\w/.-]*", code):
            assert (ROOT / word.rstrip(".")).exists(), f"{name}: {word}"


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_verb_is_documented(verb: str) -> None:
    assert re.search(rf"tickproof {verb}\b|`{verb}`", README + GUIDE + CONTRIBUTING)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_a_table_is_what_the_table_gives(name: str) -> None:
    assert DOCUMENTS[f"docs/{name}"] == PAGES[name]()


def test_options_offer_what_the_tables_have() -> None:
    assert FILE.read_text(encoding="utf-8") == option_tables.page()


def test_docs_writes_the_pages_and_finds_one_that_is_out_of_date(tmp_path: Path) -> None:
    runner, verb = CliRunner(), program.get_command(click.Context(program), "docs")
    assert verb is not None
    assert runner.invoke(verb, ["--check", "--out", str(tmp_path)]).exit_code == 1
    assert runner.invoke(verb, ["--out", str(tmp_path / "new")]).exit_code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(PAGES)
    assert runner.invoke(verb, ["--check", "--out", str(tmp_path / "new")]).exit_code == 0
    (tmp_path / "new" / "formats.md").write_text("# Recording formats\n", encoding="utf-8")
    checked = runner.invoke(verb, ["--check", "--out", str(tmp_path / "new")])
    assert checked.exit_code == 1
    assert "formats.md" in checked.output
    assert "configuration.md" not in checked.output


def test_a_table_escapes_bars() -> None:
    assert table(("a", "b"), [("1", "x|y")]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n"


def test_the_page_of_settings_states_type_default_range_and_variable() -> None:
    rows = {line.split("`")[1]: line for line in configuration.page().splitlines() if line.startswith("| `")}
    assert set(rows) == set(Settings.model_fields)
    assert rows["shards"].startswith("| `shards` | integer | `4` | ≥ 1, ≤ 128 | `TICKPROOF_SHARDS` | ")
    assert rows["checkpoint_folder"].startswith("| `checkpoint_folder` | path | `.tickproof/checkpoints` |  | ")
    assert rows["reference"].startswith("| `reference` | path | not set |  | `TICKPROOF_REFERENCE` | ")


def test_the_page_of_formats_has_every_format() -> None:
    assert re.findall(r"^## (.*)$", formats.page(), re.MULTILINE) == [one.name for one in RECORDINGS]


@pytest.mark.parametrize("format_", RECORDINGS, ids=lambda one: one.name)
def test_a_format_implies_what_its_page_says(format_: Format, tmp_path: Path) -> None:
    implied = format_.reference(SAMPLES[format_.name][0](tmp_path))
    said = set(re.findall(r"`(contiguous|increasing|shared|none)`", format_.facts.sequence))
    assert {channel.sequence for channel in implied.channels.values()} <= said
    assert {channel.sides for channel in implied.channels.values()} <= set(re.findall(r"`(message|merge)`", format_.facts.sides))
    assert bool(implied.sessions) == (format_.facts.calendar != "none")


def test_every_code_is_on_its_page() -> None:
    assert CODES
    assert all(f"`{code.name}`" in DOCUMENTS["docs/codes.md"] for code in CODES)


def test_the_architecture_has_the_topics_and_the_rooms() -> None:
    for topic in topics.TOPICS:
        assert f"| `{topic.name}` | {topic.key} |" in ARCHITECTURE
    for package in ("tickproof", "producers", "models", "jobs"):
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        shown = set(re.findall(rf"^\| `{package}/(\w+)/` \|", ARCHITECTURE, re.MULTILINE))
        assert shown == rooms, package


def test_a_decision_is_a_dated_file_of_one_form() -> None:
    index = re.findall(r"^- (\S+) \[(.*)\]\((\S+)\)$", DOCUMENTS["docs/decisions/README.md"], re.MULTILINE)
    assert sorted(f"docs/decisions/{file}" for _, _, file in index) == sorted(DECISIONS)
    assert len(DECISIONS) > 40
    for date, title, file in index:
        text = DECISIONS[f"docs/decisions/{file}"]
        assert re.fullmatch(r"20\d\d-\d\d-\d\d-[a-z0-9-]+\.md", file)
        assert file.startswith(date)
        assert text.startswith(f"# {title}\n\n{date}. "), file
        assert "**Decision.**" in text, file


def test_a_term_is_explained_once() -> None:
    terms = re.findall(r"^- \*\*([^*]+)\*\*", DOCUMENTS["docs/glossary.md"], re.MULTILINE)
    assert len(terms) > 60
    assert len(terms) == len(set(terms))
    assert {"tick", "frame", "channel", "venue", "symbol", "instrument", "shard", "watermark", "overtaken", "lookahead"} <= set(
        terms
    )


def test_each_extension_has_one_place_and_a_test() -> None:
    rows = re.findall(r"^\| an? ([^|]*) \| ([^|]*) \| ([^|]*) \|$", CONTRIBUTING, re.MULTILINE)
    assert {what for what, _, _ in rows} >= {
        "feature",
        "rule",
        "fault",
        "recording format",
        "model",
        "column or section of the report",
        "command",
        "topic",
    }
    for what, place, test in rows:
        module = next(ROOT / path for path in re.findall(r"`([\w/]+\.(?:py|j2))`", place))
        source = module.read_text(encoding="utf-8")
        for name in re.findall(r"`([A-Z]+)`", place):
            assert re.search(rf"^{name}\b", source, re.MULTILINE), f"{what}: {name} in {module}"
        assert re.findall(r"`(tests/[\w/]+\.py)`", test), what


def test_the_consumer_reads_what_the_job_writes_and_drops_corrupt_ticks(broker: Broker, prefix: str) -> None:
    (source,) = blocks(GUIDE, "python consumer")
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
    exec(compile(source, "docs/guide.md", "exec"), namespace)
    good_ticks = namespace["good_ticks"]
    assert callable(good_ticks)
    consumer = good_ticks(broker.brokers, prefix + "ticks.scored")
    table_: pa.Table = next(consumer)
    consumer.close()
    assert table_["final_quality"].to_pylist() == [0, 1, 3]
    assert table_["ts_recv"].to_pylist() == [10**18, 10**18 + 2, 10**18 + 4]
