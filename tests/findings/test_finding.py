"""Codes as the taxonomy numbers them, findings as JSON, verdict columns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickproof.findings import finding
from tickproof.findings.finding import BY_NAME, CODES, CORRUPT_BITS, SUSPECT_BITS, VERDICT, Class, Finding, Quality, Severity

FULL = Finding(
    id="0" * 16,
    class_=Class.CORRUPT_TICK,
    code="spike",
    severity=Severity.CRITICAL,
    feed="XNAS",
    channel="XNAS.A",
    venue="XNAS",
    symbol='ÄBC\n"',
    first_ts=1,
    last_ts=2**62,
    detected_at=2,
    measured=1.25,
    evidence={"tick": {"sequence": 2**64 - 1, "price": -1}},
)


def test_bits_are_their_places() -> None:
    assert [code.bit for code in CODES] == list(range(len(CODES)))
    assert len(BY_NAME) == len(CODES)


def test_codes_are_those_of_the_taxonomy(shared: Path) -> None:
    """Bit, name, class and quality of each row of the shared table; where scope or severity have several, the first.

    Codes that were added since have the bits after its last.
    """
    path = shared / "TAXONOMY.md"
    if not path.is_file():
        pytest.skip("the taxonomy is not at ../shared/TAXONOMY.md")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\w+)[^|]*\| (\w+) \| (\w+)[^|]*\| (\S+) \|", path.read_text(), re.MULTILINE)
    assert len(rows) == 44
    for (bit, name, scope, class_, severity, quality), code in zip(rows, CODES, strict=False):
        assert (code.bit, code.name, code.class_) == (int(bit), name, class_)
        assert code.quality == (0 if quality == "–" else int(quality))
        assert code.scope == scope
        if name != "sequence_reset":  # info if announced, else warning
            assert code.severity == severity


def test_class_and_quality_agree() -> None:
    for code in CODES:
        if code.class_ == Class.CORRUPT_TICK:
            assert code.quality == Quality.CORRUPT
        elif code.class_ == Class.MARKET_EVENT:
            assert code.quality == Quality.MARKET_EVENT
        else:
            assert code.quality <= Quality.SUSPECT
        if code.class_ == Class.INFORMATION:
            assert code.quality == Quality.GOOD


def test_masks_and_names_are_inverse() -> None:
    for code in CODES:
        assert finding.mask([code.name]) == 1 << code.bit
        assert finding.names_of(1 << code.bit) == [code.name]
    assert finding.names_of(0) == []
    assert finding.names_of(CORRUPT_BITS) == [code.name for code in CODES if code.quality == 2]
    assert CORRUPT_BITS & SUSPECT_BITS == 0


def test_a_finding_survives_json() -> None:
    payload = finding.encode(FULL)
    assert finding.decode(payload) == FULL
    assert b"\n" not in payload
    body = json.loads(payload)
    assert body["class"] == "corrupt_tick"
    assert set(body) == {"class" if name == "class_" else name for name in Finding.__struct_fields__}
    assert body["evidence"]["tick"]["sequence"] == 2**64 - 1


def test_json_does_not_depend_on_the_order_of_evidence() -> None:
    turned = msgspec.structs.replace(FULL, evidence={"tick": {"price": -1, "sequence": 2**64 - 1}})
    assert finding.encode(turned) == finding.encode(FULL)


def test_the_schema_names_every_field() -> None:
    schema = finding.json_schema()
    assert set(json.loads(finding.encode(FULL))) <= set(schema["$defs"]["Finding"]["properties"])  # type: ignore[index]


def test_what_is_no_finding_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        finding.decode(finding.encode(FULL).replace(b"corrupt_tick", b"nonsense"))


@given(st.lists(st.one_of(st.none(), st.text(), st.integers()), max_size=5))
def test_ids_are_stable_short_and_of_their_parts(parts: list[str | int | None]) -> None:
    identity = finding.finding_id("spike", *parts)
    assert re.fullmatch(r"[0-9a-f]{16}", identity)
    assert identity == finding.finding_id("spike", *parts)
    assert identity != finding.finding_id("crossed", *parts)
    assert identity != finding.finding_id("spike", *parts, 1)


def test_ids_keep_their_parts_apart() -> None:
    assert finding.finding_id("spike", "a", "bc") != finding.finding_id("spike", "ab", "c")
    assert finding.finding_id("spike", "", "a") != finding.finding_id("spike", "a", "")


@pytest.mark.parametrize(
    ("channel", "feed"), [("XNAS.A", "XNAS"), ("GLBX.MDP3.7", "GLBX.MDP3"), ("PLAIN", "PLAIN"), (".A", ".A"), ("A.", "A")]
)
def test_a_feed_is_its_channel_up_to_the_last_dot(channel: str, feed: str) -> None:
    assert finding.feed_of(channel) == feed


def test_verdict_columns_are_the_record_s() -> None:
    verdicts = np.zeros(3, VERDICT)
    verdicts["final_score"] = [1, 2, 3]
    columns = finding.verdict_columns(verdicts)
    assert list(columns) == ["quality", "score", "reasons", "final_quality", "final_score", "final_reasons"]
    assert [column.dtype for column in columns.values()] == [np.uint8, np.float32, np.uint64] * 2
    assert columns["final_score"].tolist() == [1, 2, 3]
