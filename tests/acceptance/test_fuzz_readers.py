"""Every reader on thousands of damaged files: no exception but ours, and every one is a line that names the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recordings.test_fuzz_readers import outcomes_of
from tests.support.recording_samples import SAMPLES

ROUNDS = 3_000


@pytest.mark.parametrize("name", SAMPLES)
def test_no_damage_is_an_exception(name: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    counts = Counter(outcomes_of(name, tmp_path, ROUNDS))
    record_property("note", f"{name}: {counts['ticks']} read, {counts['none']} without ticks, {counts['refused']} refused")
    assert min(counts["ticks"], counts["none"] + counts["refused"]) > 0
