"""Settings: who wins, where values come from, and all that is wrong at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from commands import configuration, settings, submit
from jobs.flink import tables
from tickproof.errors import SettingsError
from tickproof.settings import REMOVED, Settings, resolve


def test_defaults() -> None:
    effective = resolve({}, {"HOME": "/home/somebody"})
    assert effective.settings == Settings()
    assert set(effective.sources.values()) == {"default"}


def test_a_live_job_takes_silent_partitions_for_idle_if_it_is_to() -> None:
    option = "'scan.watermark.idle-timeout' = "
    assert option + "'30s'" in tables.source(Settings(), bounded=False)
    assert option + "'7s'" in tables.source(Settings(idle_after_s=7), bounded=False)
    assert option not in tables.source(Settings(idle_after_s=0), bounded=False)
    assert option not in tables.source(Settings(), bounded=True)


def test_options_win_over_variables_over_the_file() -> None:
    file = {"brokers": "a:1", "prefix": "file.", "shards": 2, "threshold": 5}
    environment = {"TICKPROOF_BROKERS": "b:2", "TICKPROOF_PREFIX": "variable.", "TICKPROOF_CACHE": "no setting"}
    effective = resolve(file, environment, {"brokers": "c:3", "group": None}, "tickproof.toml")
    found = effective.settings
    assert (found.brokers, found.prefix, found.shards, found.threshold) == ("c:3", "variable.", 2, 5.0)
    assert [effective.sources[name] for name in ("brokers", "prefix", "shards", "group")] == [
        "option",
        "TICKPROOF_PREFIX",
        "tickproof.toml",
        "default",
    ]


def test_all_that_is_wrong_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        resolve({"shards": 0, "sharts": 4}, {"TICKPROOF_PARALLELISM": "many"}, {"brokers": "nowhere"}, "tickproof.toml")
    line = str(caught.value)
    for part in (
        "shards (tickproof.toml): found 0",
        "sharts (tickproof.toml): no such setting",
        "parallelism (TICKPROOF_PARALLELISM): found 'many'",
        "brokers",
    ):
        assert part in line
    assert "\n" not in line


@pytest.mark.parametrize("name", sorted(REMOVED))
def test_a_removed_setting_says_that_it_is_gone_wherever_it_is_named(name: str) -> None:
    variable = f"TICKPROOF_{name.upper()}"
    for file, environment, where in (({name: "auto"}, {}, "tickproof.toml"), ({}, {variable: "auto"}, variable)):
        with pytest.raises(SettingsError, match=rf"{name} \({re.escape(where)}\): this setting was removed: .+; take it out"):
            resolve(file, environment, None, "tickproof.toml")
    result = CliRunner().invoke(submit.command, ["--embedded", f"--{name}", "frames"])
    assert isinstance(result.exception, SettingsError)
    assert f"{name} (option): this setting was removed" in str(result.exception)
    assert f"--{name}" not in CliRunner().invoke(submit.command, ["--help"]).output


def test_a_setting_that_nothing_set_is_a_default() -> None:
    effective = resolve({"shards": 4}, {"TICKPROOF_MODEL": "none"})
    assert not effective.is_default("shards"), "the file set it, to the same value"
    assert (effective.is_default("threshold"), effective.is_default("model")) == (True, False)
    assert effective.settings.is_rules_only
    assert not Settings().is_rules_only


def test_file_and_environment_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('model = "none"\ncheckpoint_folder = "kept"\n')
    effective = configuration.read(environment={"TICKPROOF_SETTINGS": str(path), "TICKPROOF_SHARDS": "8"})
    assert (effective.settings.model, effective.settings.checkpoint_folder, effective.settings.shards) == (
        "none",
        Path("kept"),
        8,
    )


@pytest.mark.parametrize(("content", "said"), [(b"shards = ", "is not TOML"), (b"\xff", "is not TOML"), (None, "No such file")])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        configuration.read(environment={"TICKPROOF_SETTINGS": str(path)})


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKPROOF_THRESHOLD", "6")
    rows = json.loads(CliRunner().invoke(settings.command, ["--json"]).output)["settings"]
    assert list(rows) == list(Settings.model_fields)
    assert rows["threshold"] == {"value": 6.0, "source": "TICKPROOF_THRESHOLD"}
    said = CliRunner().invoke(settings.command, []).output
    assert all(name in said for name in Settings.model_fields)
