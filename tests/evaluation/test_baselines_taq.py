"""The TAQ cleaning steps by hand, and the counts that the R package highfrequency gives for its own raw sample."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.evaluation.taq_cleaning import (
    KEPT_CONDITIONS,
    clean_quotes,
    clean_trades,
    differences,
    has_abnormal_condition,
    is_corrected,
    is_of_other_exchange,
    is_outside_hours,
    outside_quotes,
    read,
)

# New York is five hours behind: 14:30 of UTC is the open, 21:00 the close.
STAMPS = ["2018-01-02 14:29:59.999999999", "2018-01-02 14:30:00", "2018-01-02 21:00:00", "2018-01-02 21:00:00.000000001"]


def test_p1_keeps_the_open_and_the_close_themselves():
    assert is_outside_hours(pd.Series(pd.to_datetime(STAMPS, format="ISO8601"))).tolist() == [
        True,
        False,
        False,
        True,
    ]


def test_p3_keeps_one_exchange():
    assert is_of_other_exchange(pd.Series(["N", "T", "N"])).tolist() == [False, True, False]


def test_t1_is_any_correction():
    assert is_corrected(pd.Series([0, 1, 7, 0])).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (KEPT_CONDITIONS, [False, False, False, False, True, True]),
        (frozenset("EF"), [False, False, True, True, True, True]),
    ],
)
def test_t2_is_a_letter_that_is_not_kept(kept, expected):
    conditions = pd.Series(["F", None, "F I", "@  I", "O", "FTI"])
    assert has_abnormal_condition(conditions, kept).tolist() == expected


def test_trades_are_cleaned_step_by_step():
    rows = [
        # DT, EX, COND, SIZE, PRICE, CORR
        ("2018-01-02 14:31:00", "N", "", 1, 0.0, 0),  # P2
        ("2018-01-02 14:00:00", "N", "", 1, 10.0, 0),  # P1
        ("2018-01-02 14:31:00", "T", "", 1, 10.0, 0),  # P3
        ("2018-01-02 14:31:00", "N", "", 1, 10.0, 1),  # T1
        ("2018-01-02 14:31:00", "N", "O", 1, 10.0, 0),  # T2
        ("2018-01-02 14:31:00", "N", "F", 1, 10.0, 0),
        ("2018-01-02 14:31:00", "N", "F", 2, 10.4, 0),  # T3: merged with the one before
        ("2018-01-02 14:31:01", "N", "", 5, 10.1, 0),
    ]
    raw = pd.DataFrame(rows, columns=["DT", "EX", "COND", "SIZE", "PRICE", "CORR"]).assign(DT=lambda it: pd.to_datetime(it["DT"]))
    cleaning = clean_trades(raw)
    assert list(cleaning.removed.values()) == [1] * 6
    assert cleaning.rows["PRICE"].tolist() == pytest.approx([10.2, 10.1])
    assert cleaning.rows["SIZE"].tolist() == [3, 5]


def test_quotes_are_cleaned_step_by_step():
    rows = [
        # DT, EX, BID, BIDSIZ, OFR, OFRSIZ
        ("2018-01-02 14:31:00", "N", 0.0, 1, 10.0, 1),  # P2
        ("2018-01-02 21:30:00", "N", 10.0, 1, 10.1, 1),  # P1
        ("2018-01-02 14:31:00", "T", 10.0, 1, 10.1, 1),  # P3
        ("2018-01-02 14:31:00", "N", 10.2, 1, 10.1, 1),  # Q2
        ("2018-01-02 14:31:00", "N", 10.0, 1, 20.0, 1),  # Q3: the median spread is 0.1
        ("2018-01-02 14:31:00", "N", 10.0, 1, 10.1, 2),
        ("2018-01-02 14:31:00", "N", 10.0, 3, 10.1, 4),
        ("2018-01-02 14:31:00", "N", 10.3, 5, 10.4, 6),  # Q1: three of one stamp, the median is 10.0 to 10.1
        ("2018-01-02 14:31:01", "N", 10.0, 7, 10.1, 8),
    ]
    raw = pd.DataFrame(rows, columns=["DT", "EX", "BID", "BIDSIZ", "OFR", "OFRSIZ"])
    cleaning = clean_quotes(raw.assign(DT=pd.to_datetime(raw["DT"])))
    assert list(cleaning.removed.values()) == [1, 1, 1, 1, 1, 2]
    assert cleaning.rows[["BID", "OFR"]].to_numpy().tolist() == [[10.0, 10.1], [10.0, 10.1]]
    assert cleaning.rows[["BIDSIZ", "OFRSIZ"]].to_numpy().tolist() == [[9, 12], [7, 8]]


def test_t4_takes_the_last_quote_up_to_the_trades_stamp_of_the_same_day():
    quotes = pd.DataFrame(
        {"DT": pd.to_datetime(["2018-01-02 15:00:00", "2018-01-02 15:00:10"]), "BID": [10.0, 12.0], "OFR": [10.1, 12.1]}
    )
    stamps = ["2018-01-02 14:59:59", "2018-01-02 15:00:09", "2018-01-02 15:00:10", "2018-01-03 15:00:00"]
    trades = pd.DataFrame({"DT": pd.to_datetime(stamps), "PRICE": [50.0, 12.0, 12.0, 50.0]})
    assert outside_quotes(trades, quotes).tolist() == [False, True, False, False]


def test_differences_are_counted_by_column():
    ours = pd.DataFrame({"DT": pd.to_datetime(["2018-01-02", "2018-01-03", "2018-01-04"]), "PRICE": [1.0, 2.0, 3.0]})
    theirs = pd.DataFrame({"DT": pd.to_datetime(["2018-01-03", "2018-01-04", "2018-01-05"]), "PRICE": [2.0, 3.5, 1.0]})
    assert differences(ours, theirs) == {"only ours": 1, "only theirs": 1, "PRICE": 1}


# The package's figures stand in ../shared/data/README.md.


@pytest.fixture(scope="module")
def sample(data):
    return data / "highfrequency"


def test_the_packages_counts_on_its_raw_trades(sample):
    cleaning = clean_trades(read(sample / "sampleTDataRaw.csv.gz"))
    assert cleaning.removed == {
        "P2 zero": 0,
        "P1 outside hours": 451,
        "P3 other exchange": 65_625,
        "T1 corrected": 0,
        "T2 sale condition": 2,
        "T3 same time stamp": 4_017,
    }
    assert differences(cleaning.rows, read(sample / "sampleTData.csv.gz")) == {
        "only ours": 0,
        "only theirs": 0,
        "PRICE": 0,
        "SIZE": 0,
    }


def test_the_packages_counts_on_its_raw_quotes(sample):
    cleaning = clean_quotes(read(sample / "sampleQDataRaw.csv.gz"))
    assert cleaning.removed == {
        "P2 zero": 96,
        "P1 outside hours": 776,
        "P3 other exchange": 36_109,
        "Q2 negative spread": 0,
        "Q3 wide spread": 0,
        "Q1 same time stamp": 47_856,
    }
    assert set(differences(cleaning.rows, read(sample / "sampleQData.csv.gz")).values()) == {0}
