"""The cleaning of NYSE TAQ files as Barndorff-Nielsen et al. (2009) number its steps and the R package highfrequency does them.

It shows that the steps in `models/baselines/bnhls.py` are those of the paper: on the package's own raw sample they must leave
what the package leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from models.baselines import bnhls
from models.baselines.columns import Floats, Integers, Mask

OPEN, CLOSE = pd.Timedelta(hours=9, minutes=30), pd.Timedelta(hours=16)
BEHIND_UTC = pd.Timedelta(hours=5)
"""The sample's stamps are UTC; New York's winter time is five hours behind."""
EXCHANGE = "N"
KEPT_CONDITIONS = frozenset("@EFI")
"""Sale conditions that highfrequency keeps: regular, automatic, intermarket sweep, odd lot. The paper keeps E and F alone."""


@dataclass(slots=True)
class Cleaning:
    """Rows that go through steps, and what each step removed."""

    rows: pd.DataFrame
    removed: dict[str, int] = field(default_factory=dict)

    def drop(self, step: str, mask: Mask | pd.Series) -> None:
        """Remove some rows."""
        mask = np.asarray(mask)
        self.removed[step] = int(mask.sum())
        self.rows = self.rows[~mask]

    def merge(self, step: str, prices: list[str], sizes: list[str]) -> None:
        """Merge the rows of one time stamp (Q1, T3): median prices, and the sum of sizes, as highfrequency has it since 0.7."""
        before = len(self.rows)
        how = {**dict.fromkeys(prices, "median"), **dict.fromkeys(sizes, "sum")}
        self.rows = self.rows.groupby("DT", sort=True).agg(how).reset_index()
        self.removed[step] = before - len(self.rows)


def is_outside_hours(stamps: pd.Series) -> Mask:
    """P1: before 09:30 or after 16:00 of New York."""
    local = stamps - BEHIND_UTC
    time = local - local.dt.normalize()
    return np.asarray((time < OPEN) | (time > CLOSE))


def is_of_other_exchange(exchanges: pd.Series, kept: str = EXCHANGE) -> Mask:
    """P3: of another exchange than the one that is kept."""
    return np.asarray(exchanges != kept)


def is_corrected(corrections: pd.Series) -> Mask:
    """T1: a trade that was corrected, changed or cancelled: CORR is not 0."""
    return np.asarray(corrections != 0)


def has_abnormal_condition(conditions: pd.Series, kept: frozenset[str] = KEPT_CONDITIONS) -> Mask:
    """T2: a sale condition with a letter that is not kept; blanks are regular."""
    codes, texts = pd.factorize(conditions.fillna(""))
    abnormal = np.array([bool(set(text.replace(" ", "")) - kept) for text in texts], bool)
    return np.asarray(abnormal[codes])


def clean_trades(raw: pd.DataFrame, kept: frozenset[str] = KEPT_CONDITIONS) -> Cleaning:
    """P2, P1, P3, T1, T2 and T3 on raw trades: columns DT (UTC), EX, COND, SIZE, PRICE, CORR."""
    cleaning = Cleaning(raw)
    cleaning.drop("P2 zero", bnhls.is_not_positive(raw["PRICE"].to_numpy()))
    cleaning.drop("P1 outside hours", is_outside_hours(cleaning.rows["DT"]))
    cleaning.drop("P3 other exchange", is_of_other_exchange(cleaning.rows["EX"]))
    cleaning.drop("T1 corrected", is_corrected(cleaning.rows["CORR"]))
    cleaning.drop("T2 sale condition", has_abnormal_condition(cleaning.rows["COND"], kept))
    cleaning.merge("T3 same time stamp", ["PRICE"], ["SIZE"])
    return cleaning


def clean_quotes(raw: pd.DataFrame) -> Cleaning:
    """P2, P1, P3, Q2, Q3 and Q1 on raw quotes: columns DT (UTC), EX, BID, BIDSIZ, OFR, OFRSIZ."""
    cleaning = Cleaning(raw)
    cleaning.drop("P2 zero", bnhls.is_not_positive(raw["BID"].to_numpy(), raw["OFR"].to_numpy()))
    cleaning.drop("P1 outside hours", is_outside_hours(cleaning.rows["DT"]))
    cleaning.drop("P3 other exchange", is_of_other_exchange(cleaning.rows["EX"]))
    cleaning.drop("Q2 negative spread", bnhls.is_crossed(*_sides(cleaning.rows)))
    bid, offer = _sides(cleaning.rows)
    cleaning.drop("Q3 wide spread", bnhls.spread_ratio(offer - bid, _days(cleaning.rows)) > 1.0)
    cleaning.merge("Q1 same time stamp", ["BID", "OFR"], ["BIDSIZ", "OFRSIZ"])
    return cleaning


def outside_quotes(trades: pd.DataFrame, quotes: pd.DataFrame) -> Mask:
    """T4 on cleaned trades, against the last cleaned quote of a stamp up to the trade's."""
    last = np.searchsorted(quotes["DT"].to_numpy(), trades["DT"].to_numpy(), side="right") - 1
    known = (last >= 0) & (_days(quotes)[last] == _days(trades))
    bid, offer = (np.where(known, side[last], np.nan) for side in _sides(quotes))
    return bnhls.outside_ratio(trades["PRICE"].to_numpy(), bid, offer) > 1.0


def read(path: Path) -> pd.DataFrame:
    """A file of the package's sample."""
    return pd.read_csv(path, parse_dates=["DT"])


def differences(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, int]:
    """How many rows only one of two has, by time stamp; and by column, how many of both differ by more than 1e-9."""
    both = ours.merge(theirs, on="DT", how="outer", suffixes=("", "_theirs"), indicator=True)
    out = {"only ours": int((both["_merge"] == "left_only").sum()), "only theirs": int((both["_merge"] == "right_only").sum())}
    shared = both[both["_merge"] == "both"]
    for name in ours.columns.drop("DT"):
        out[name] = int((np.abs(shared[name] - shared[name + "_theirs"]) > 1e-9).sum())
    return out


def _sides(quotes: pd.DataFrame) -> tuple[Floats, Floats]:
    return quotes["BID"].to_numpy(), quotes["OFR"].to_numpy()


def _days(rows: pd.DataFrame) -> Integers:
    return np.asarray((rows["DT"] - BEHIND_UTC).to_numpy().astype("datetime64[D]").astype(np.int64))
