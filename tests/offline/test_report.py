"""The report: whole without a network, says what was found, draws what was there, and survives odd folders."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from commands.report import command
from commands.work.report import write_report
from jobs.offline import scan_folder
from jobs.offline.result_tables import STATISTICS
from jobs.offline.scan import run
from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.simulation.day import simulate_all
from producers.streams.heartbeats import Heartbeats
from reports import canvas, html
from reports.causes import cause_rows
from reports.codes import UNKNOWN, entry
from reports.folder import Excerpt, ScanFolder
from reports.page import CAUSES_SHOWN, page
from reports.selection import AT_FIRST, shown
from reports.wording import exact, facts, quantity, tick_table
from tests.support.streams import Tape, opened
from tickproof.errors import InputError
from tickproof.findings import label
from tickproof.findings.cause import by_cause
from tickproof.findings.finding import BY_NAME, CODES, Code, Contribution, Finding, encode
from tickproof.findings.incident import incidents, rank
from tickproof.ticks.rfc3339 import iso, span
from tickproof.ticks.schema import Ticks

S = 1_000_000_000
MOST_BYTES = 6_000_000


def write_scan(folder: Path, ticks: Ticks) -> Path:
    counts = scan_folder.write(run([ticks], opened(), Heartbeats(1)), folder)
    said = {"inputs": ["made up"], "model": "none", "model_version": "", "rules_version": "1", "threshold": 4.0, "shards": 4}
    said |= {"lookahead_ms": 250, "out_of_orderness_ms": 1000, "seconds": 1.0, "ticks_per_s": 1, "undecoded": {}}
    (folder / "scan.json").write_text(json.dumps(counts.to_dict() | said))
    return folder


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of a market with faults of each kind, and its labels."""
    folder = tmp_path_factory.mktemp("faulty")
    ticks, labels = simulate_all(Market(seed=5, minutes=0.7, symbols=10), Faults(seed=5, per_kind=1))
    write_scan(folder, ticks)
    (folder / "labels.csv").write_text(label.to_csv(labels))
    return folder


def found(identity: str, code: str = "spike", symbol: str | None = "IBM", first: int = 10 * S, **others: object) -> Finding:
    kind = BY_NAME[code]
    plain = Finding(
        id=identity, class_=kind.class_, code=code, severity=kind.severity, feed="F", channel="F.A",
        venue="N" if symbol else None, symbol=symbol, first_ts=first, last_ts=first, detected_at=first,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **others)


class Balanced(HTMLParser):
    """Fails where a tag is closed that is not open, and where something would be fetched or run."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed")
        assert not {name for name, _ in attrs if name in ("src", "href", "srcset", "action") or name.startswith("on")}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())


def check_page(text: str) -> None:
    """Well formed, nothing is fetched, nothing runs, light enough."""
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert not re.search(r"url\(|@import|https?:", text)
    assert len(text.encode()) < MOST_BYTES
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(drawing)
        assert "nan" not in re.sub(r">[^<]*<", "><", drawing)


@pytest.mark.slow
def test_the_page_stands_by_itself_and_names_every_code(faulty: Path) -> None:
    text = html.render(faulty)
    check_page(text)
    findings = ScanFolder.open(faulty).findings
    assert findings
    for code in {finding.code for finding in findings}:
        assert f"<code>{code}</code>" in text
        assert entry(code).advice.action in html_text(text)
    assert text.count("<article") == min(len(incidents(findings)), html.INCIDENTS_SHOWN)


def html_text(text: str) -> str:
    return text.replace("&#39;", "'").replace("&amp;", "&")


def test_each_table_has_a_header_for_each_of_its_cells(faulty: Path) -> None:
    rows = 0
    for table in re.findall(r"<table.*?</table>", html.render(faulty), re.DOTALL):
        head, _, body = table.partition("</thead>")
        if "<tr><th>" not in head:
            continue
        for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL):
            rows += 1
            assert len(re.findall(r"<t[dh]\b", row)) == len(re.findall(r"<th\b", head)), row
    assert rows > 10


def test_the_rows_of_codes_count_findings_and_their_events(faulty: Path) -> None:
    scan = ScanFolder.open(faulty)
    rows = page(scan, 5).by_code
    assert {row.code for row in rows} == {finding.code for finding in scan.findings}
    assert len(rows) > 10
    for row in rows:
        counts = [finding.count for finding in scan.findings if finding.code == row.code]
        assert (row.findings, row.events) == (len(counts), sum(counts))


@pytest.mark.slow
def test_worst_first_and_the_rest_is_counted(faulty: Path) -> None:
    scan = ScanFolder.open(faulty)
    few = page(scan, 5)
    assert len(few.incidents) == 5
    assert sum(count for _, count in few.hidden) == few.total - 5
    ranks = [rank(view.incident.severity) for view in page(scan, 500).incidents]
    assert ranks == sorted(ranks, reverse=True)
    check_page(html.render(faulty, limit=0))


@pytest.mark.slow
def test_every_incident_of_a_priced_symbol_is_drawn(faulty: Path) -> None:
    whole = page(ScanFolder.open(faulty), 500)
    assert all(view.plot is not None for view in whole.incidents)
    corrupt = [view for view in whole.incidents if view.incident.worst.current == "corrupt" and view.kind == "ticks"]
    assert corrupt
    for view in corrupt:
        assert view.plot is not None
        assert 'class="mark corrupt"' in view.plot.svg, view.incident


@pytest.mark.slow
def test_labels_add_recall(faulty: Path, tmp_path: Path) -> None:
    text = write_report(faulty, tmp_path / "r.html", faulty / "labels.csv").read_text()
    check_page(text)
    assert "Against the labels" in text
    kinds = {one.kind for one in label.from_csv((faulty / "labels.csv").read_text()) if not one.is_genuine}
    assert all(f"<code>{kind}</code>" in text for kind in kinds)


@pytest.mark.slow
def test_the_same_folder_gives_the_same_bytes(faulty: Path) -> None:
    assert html.render(faulty) == html.render(faulty)


def test_a_clean_scan_says_so(tmp_path: Path) -> None:
    tape = Tape()
    for k in range(50):
        tape.quote(0.1 * k)
    text = html.render(write_scan(tmp_path, tape.ticks()))
    check_page(text)
    assert "Nothing was found." in text


def test_an_empty_scan_is_a_page(tmp_path: Path) -> None:
    check_page(html.render(write_scan(tmp_path, Tape().ticks())))


def test_names_from_the_feed_are_text_and_not_markup(tmp_path: Path) -> None:
    tape = Tape(symbol="<script>alert(1)</script>", venue='"><img src=x>')
    for k in range(40):
        tape.quote(0.1 * k)
    tape.trade(4.1, price=-5.0)
    check_page(html.render(write_scan(tmp_path, tape.ticks())))


def test_findings_without_their_ticks_are_shown_all_the_same(tmp_path: Path) -> None:
    """Of another run, or of a code and a unit that nobody knows yet."""
    write_scan(tmp_path, Tape().ticks())
    strange = [
        found("a"),
        found("b", "silent", last_ts=30 * S, measured=20e9, threshold=3e9, unit="ns", state="closed"),
        found("c", code="sequence_gap", symbol=None, measured=3.0, unit="messages"),
        msgspec.structs.replace(found("d"), code="of_tomorrow", unit="furlongs", measured=1.5, evidence={"tick": "?"}),
        found("e", "digit_error", contributions=[Contribution("deviation", 3.0, 0.7)], corroboration=["XNAS disagrees"]),
        found("f", "payload_unreadable", symbol=None, evidence={"topic": "ticks.raw", "offset": 7, "error": "cut <off>"}),
    ]
    (tmp_path / "findings.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in strange))
    text = html.render(tmp_path)
    check_page(text)
    for said in ("1.5 furlongs", "XNAS disagrees", "log price against the venue", "topic ticks.raw, offset 7: cut &lt;off&gt;"):
        assert said in html_text(text) or said in text


def test_a_folder_that_is_no_scan_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found no scored\.parquet"):
        ScanFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("findings.jsonl", b"{}\n", "line 1: not a finding"),
        ("scan.json", b"{", "not JSON"),
        ("scan.json", b"[]", "no JSON object"),
        ("scored.parquet", b"PAR1", "not readable as Parquet"),
        ("statistics.parquet", b"", "not readable as Parquet"),
    ],
)
def test_a_broken_file_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    tape = Tape()
    for k in range(40):
        tape.quote(0.1 * k)
    tape.trade(4.1, price=-5.0)
    write_scan(tmp_path, tape.ticks())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        html.render(tmp_path)


@pytest.mark.slow
def test_the_command_prints_where_it_is(faulty: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "r.html"
    result = CliRunner().invoke(command, [str(faulty), "--out", str(out), "--json"], catch_exceptions=False)
    assert json.loads(result.stdout) == {"report": str(out), "bytes": out.stat().st_size}


# Parts


def test_a_code_of_another_version_has_a_neutral_entry() -> None:
    assert all(entry(code.name) is code for code in CODES)
    assert entry("of_tomorrow") is UNKNOWN


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_values_are_shown_under_the_labels_of_their_code(code: Code) -> None:
    said = dict(facts(found("a", code.name, measured=1.5, threshold=2.5, reference=3.5, unit=code.unit)))
    shown_values = {label: quantity(value, code.unit) for label, value in zip(code.labels, (1.5, 2.5, 3.5), strict=True) if label}
    assert shown_values.items() <= said.items()
    assert not (set(said) - set(shown_values)) & {"", "measured", "limit", "usual"}


def test_what_is_wrong_is_said_once_a_cause(tmp_path: Path) -> None:
    gap = found("gap", "sequence_gap", symbol=None, channel="F.<i>A</i>")
    stale = [found(str(k), "stale_book", symbol=f"S{k}", first=11 * S, channel="F.<i>A</i>") for k in range(40)]
    (row,) = cause_rows(by_cause([*stale, gap]).causes, 10)
    assert (row.code, row.place, row.follows) == ("sequence_gap", "channel F.<i>A</i>, 40 of its symbols", "stale_book 40")


def test_what_is_wrong_with_a_recording_is_told_with_its_own_advice() -> None:
    said = "the order is descending, 119 of 120 ticks, from line 2 on; sort the file"
    whole = msgspec.structs.replace(
        found("order", "out_of_order", symbol=None, channel=None), feed="", evidence={"recording": said}
    )
    (row,) = cause_rows(by_cause([whole]).causes, 10)
    assert (row.place, row.action) == ("all channels of the recording", said)


@pytest.mark.slow
def test_causes_are_in_the_page_before_incidents(faulty: Path) -> None:
    text = html.render(faulty)
    assert text.index("What is wrong") < text.index("Incidents, the worst first")
    shown_causes = page(ScanFolder.open(faulty), 5)
    assert len(shown_causes.causes) == min(shown_causes.causes_total, CAUSES_SHOWN)


def test_a_common_code_leaves_room_for_others() -> None:
    #   silent a hundred times, one spike of less weight at the end
    many = [found(f"s{k}", "silent", symbol=f"S{k}", first=k * S) for k in range(100)]
    rare = found("r", "crossed", symbol="R", first=500 * S)
    chosen = shown(incidents([*many, rare]), 10)
    assert [incident.worst.code for incident in chosen] == ["silent"] * 9 + ["crossed"]
    assert len(shown(incidents(many), AT_FIRST - 1)) == AT_FIRST - 1


@given(st.lists(st.sampled_from(sorted(BY_NAME)), max_size=30), st.integers(0, 40))
def test_shown_is_worst_first_and_as_many_as_asked(codes: list[str], limit: int) -> None:
    every = incidents([found(str(k), code, symbol=f"S{k}", first=k * 60 * S) for k, code in enumerate(codes)])
    chosen = shown(every, limit)
    assert len(chosen) == min(limit, len(every))
    ranks = [rank(incident.severity) for incident in chosen]
    assert ranks == sorted(ranks, reverse=True)


def test_excerpts_are_what_a_filter_gives(faulty: Path) -> None:
    scan = ScanFolder.open(faulty)
    symbol = next(finding.symbol for finding in scan.findings if finding.symbol)
    everything = scan.excerpts([Excerpt(symbol, -(2**62), 2**62)])[0]
    times = everything.column("ts_recv").to_numpy()
    start, end = int(times[10]), int(times[-10])
    (part,) = scan.excerpts([Excerpt(symbol, start, end)])
    assert part.num_rows == int(((times >= start) & (times <= end)).sum())
    assert set(part.column("symbol").to_pylist()) == {symbol}


def test_statistics_have_the_columns_that_a_report_reads(faulty: Path) -> None:
    channels = ScanFolder.open(faulty).seconds(None)
    assert set(channels.schema.names) <= set(STATISTICS.names)
    assert pa.compute.all(pa.compute.is_valid(channels.column("channel"))).as_py()


@pytest.mark.parametrize(
    ("units", "text"), [(0, "0"), (1, "0.000000001"), (-1_500_000_000, "−1.5"), (1_234_567_000_000_000, "1,234,567")]
)
def test_prices_are_exact(units: int, text: str) -> None:
    assert exact(units) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "price", "–"),
        (101.25, "price", "101.25"),
        (2.5e9, "ns", "2.5 s"),
        (17.33, "ratio", "17.3×"),
        (3.0, "messages", "3 messages"),
    ],
)
def test_quantities_carry_their_unit(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_facts_say_how_the_judgement_changed() -> None:
    said = dict(facts(found("a", causal="suspect", current="corrupt", measured=2.0, unit="price", state="closed")))
    assert said["judged"] == "suspect at once, corrupt in the end"
    assert "state" not in said


def test_the_tick_stands_between_its_neighbours() -> None:
    tick = {"ts_recv": 5 * S, "ts_event": 5 * S - 1000, "kind": 1, "price": 10**9, "size": 10**9, "conditions": 64, "flags": 0}
    table = tick_table({"tick": tick, "before": [tick | {"ts_recv": 4 * S}], "after": []})
    assert table is not None
    assert table.subject == 1
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert row == {
        "capture time": "1970-01-01T00:00:05.000000000Z",
        "venue time": "1 µs before",
        "kind": "trade",
        "price": "1",
        "size": "1",
        "marks": "odd lot",
    }
    assert tick_table({}) is None


@pytest.mark.parametrize(
    ("time", "digits", "text"),
    [(0, 3, "1970-01-01T00:00:00.000Z"), (-1, 9, "1969-12-31T23:59:59.999999999Z"), (1_999_999_999, 0, "1970-01-01T00:00:01Z")],
)
def test_times_are_iso_in_utc(time: int, digits: int, text: str) -> None:
    assert iso(time, digits) == text


def test_times_beyond_any_calendar_are_numbers() -> None:
    assert iso(2**62) == "2116-02-20T23:53:38.427Z"
    assert iso(-(2**63)) == "1677-09-21T00:12:43.145Z"


@pytest.mark.parametrize(("length", "text"), [(0, "0 ns"), (1500, "1.5 µs"), (-2e9, "-2 s"), (5_400e9, "1.5 h")])
def test_spans_use_the_largest_unit_above_one(length: float, text: str) -> None:
    assert span(length) == text


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
@example(-879609.9999999999, 1e-06)
def test_ticks_of_an_axis_are_round_and_inside(low: float, size: float) -> None:
    values = canvas.nice(low, low + size)
    assert all(low - 1e-9 * size <= value <= low + size + 1e-9 * size + 1e-9 for value in values)
    assert 1 <= len(values) <= 12


@given(st.integers(0, 2**62), st.integers(1, 10**17))
def test_times_of_an_axis_are_inside(start: int, length: int) -> None:
    times = canvas.nice_times(start, start + length)
    assert all(start <= time <= start + length for time in times)
    assert len(times) <= 8 + 7 * (length > 10**17 // 2)


@given(st.lists(st.floats(0, 900), min_size=1, max_size=3000))
def test_thinning_keeps_ends_and_extremes(drawn: list[float]) -> None:
    x = np.sort(np.array(drawn))
    y = np.random.default_rng(len(drawn)).normal(size=len(x))
    kept = canvas.thin(x, y)
    assert {0, len(x) - 1, int(y.argmin()), int(y.argmax())} <= set(kept.tolist())
    assert len(kept) <= max(800, 4 * 901)


# --- statistics ---------------------------------------------------------------------------------------------------------------


def test_the_busiest_instrument_s_statistics_are_drawn(faulty: Path) -> None:
    """The one with the most ticks; its mid, spread and volatility as lines, and its ticks as bars."""
    folder = ScanFolder.open(faulty)
    seconds = pq.read_table(faulty / "statistics.parquet").to_pandas()
    ticks = seconds[seconds["symbol"].notna()].groupby("scope")["ticks"].sum()
    scope = folder.busiest()
    assert ticks[scope] == ticks.max()
    drawn = page(folder, 5)
    assert drawn.statistics is not None
    assert drawn.statistics_of == "{1} on {0}".format(*str(scope).split("|"))
    root = ElementTree.fromstring(drawn.statistics.svg)
    assert [path.get("class") for path in root.iter("path") if path.get("class") in ("bid", "ask", "latency_p99", "bars")] == [
        "bid", "ask", "latency_p99", "bars",
    ]  # fmt: skip


def test_a_scan_without_quotes_has_no_statistics_plot(tmp_path: Path) -> None:
    tape = Tape()
    for k in range(20):
        tape.trade(k * 0.5)
    drawn = page(ScanFolder.open(write_scan(tmp_path, tape.ticks())), 5)
    assert drawn.statistics is None
    assert drawn.statistics_of
