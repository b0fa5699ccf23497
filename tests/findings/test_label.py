"""Labels as text and back, and what is said of text that is not labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickproof.errors import InputError
from tickproof.findings.finding import BY_NAME
from tickproof.findings.label import COLUMNS, Label, from_csv, to_csv

GOOD = Label("f-1", "spike", "symbol", "XSIM.A", "XSIM", "ABC", 10, 20, 30, 0.05)
HEADER = ",".join(COLUMNS)

names = st.text("aZ09.-_,;'\" é€", min_size=1, max_size=8)


@st.composite
def labels(draw: st.DrawFn) -> Label:
    times = sorted(draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3)))
    scope = draw(st.sampled_from(["channel", "symbol"]))
    symbol = draw(names) if scope == "symbol" else ""
    kind = draw(st.sampled_from([*BY_NAME, "genuine_news"]))
    magnitude = draw(st.floats(allow_nan=False, allow_infinity=False))
    venue = draw(st.one_of(st.just(""), names))
    return Label(draw(names), kind, scope, draw(st.one_of(st.just(""), names)), venue, symbol, *times, magnitude)


@given(st.lists(labels(), max_size=5, unique_by=lambda label: label.fault_id))
def test_text_and_back(wanted: list[Label]) -> None:
    assert from_csv(to_csv(wanted)) == wanted


def test_columns_are_those_of_the_design() -> None:
    assert to_csv([]) == "fault_id,kind,scope,channel,venue,symbol,onset,end,effect_end,magnitude\n"


def test_genuine_kinds_are_clean_events() -> None:
    genuine = Label("g", "genuine_halt", "symbol", "", "", "ABC", 1, 2, 3, 0.01)
    assert genuine.is_genuine
    assert not GOOD.is_genuine
    assert from_csv(to_csv([genuine])) == [genuine]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("f,spike,symbol,c,v,s,1,2,3", "found 9 values, expected 10"),
        ("f,spike,symbol,c,v,s,1.5,2,3,0", "onset is '1.5', expected whole nanoseconds"),
        ("f,spike,symbol,c,v,s,1,2,3,big", "magnitude is not a number"),
        ("f,spike,symbol,c,v,s,1,2,3,nan", "magnitude is not a number"),
        ("f,typo,symbol,c,v,s,1,2,3,0", "kind is 'typo'"),
        ("f,spike,market,c,v,s,1,2,3,0", "scope is 'market'"),
        ("f,spike,symbol,c,v,,1,2,3,0", "symbol is empty"),
        ("f,silent,channel,c,v,s,1,2,3,0", "symbol is 's', expected none"),
        ("f,spike,symbol,c,v,s,3,2,4,0", "expected onset <= end <= effect_end"),
        ("f,spike,symbol,c,v,s,1,3,2,0", "expected onset <= end <= effect_end"),
        (",spike,symbol,c,v,s,1,2,3,0", "fault_id is empty"),
        ("f-1,spike,symbol,c,v,s,1,2,3,0", "fault_id f-1 appears twice"),
        ('f,spike,symbol,c,v,"s,1,2,3,0', "not CSV"),
    ],
)
def test_a_bad_row_is_named_by_its_line(row: str, said: str) -> None:
    with pytest.raises(InputError, match=r"labels\.csv, line 3: ") as caught:
        from_csv(to_csv([GOOD]) + row + "\n", "labels.csv")
    assert said in str(caught.value)
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("text", ["", "kind,fault_id\n", HEADER.upper() + "\n"])
def test_another_header_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"line 1: found .* expected fault_id,kind"):
        from_csv(text)


def test_blank_lines_are_no_rows() -> None:
    assert from_csv(to_csv([GOOD]) + "\n\n") == [GOOD]
