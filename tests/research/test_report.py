import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from polymm.research import report_charts, report_prices
from polymm.research.analytics import measure_run
from polymm.research.records import Run
from polymm.research.report import print_summary, summarise, to_json, write_html
from polymm.research.report_html import CHARTS, make_series, page
from polymm.research.report_rows import (
    KNOWN_OPTIMISM,
    NO_TRADES,
    books_text,
    counts_text,
    headline,
    shortened,
)
from tests.support.runs import make_run


def printed(runs: list[Run], *, terminal: bool = False, width: int = 100) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    print_summary(console, runs)
    return out.getvalue()


def series_of(run: Run) -> report_charts.Series:
    return make_series(summarise([run])["runs"][0], measure_run(run), "#000")


def figures_of(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert found is not None
    parsed: dict[str, object] = json.loads(found[1])
    return parsed


def test_totals_hold_settled_markets_only_and_count_the_others() -> None:
    run = make_run()
    summary = summarise([run])["runs"][0]
    assert summary["counts"] == {
        "markets": 12,
        "settled": 10,
        "unsettled": 1,
        "excluded": 1,
        "settled_with_gaps": 2,
        "reasons": {"no_outcome": 1, "no_snapshot": 1},
    }
    assert summary["settled"]["pnl_e6"] == sum(
        m.pnl_fills_e6 for m in run.markets if m.status == "settled"
    )
    assert isinstance(summary["settled"]["pnl_e6"], int)
    assert summary["settled"]["fills"] == 400
    assert summary["unsettled"]["fills"] == 40
    assert summary["settled_without_gaps"]["markets"] == 8


def test_sources_sum_to_pnl_after_rebates() -> None:
    money = summarise([make_run()])["runs"][0]["settled"]
    parts = money["sources"]
    total = (money["pnl_e6"] + money["rebate_paid_e6"]) / 1e6
    assert parts["total"] == pytest.approx(total, abs=1e-6)
    assert sum(v for k, v in parts.items() if k != "total") == pytest.approx(total, abs=1e-6)


def test_rebates_below_a_dollar_a_day_are_not_paid() -> None:
    run = make_run(markets=3, unsettled=0, excluded=0)
    for market, rebate in zip(run.markets, (300_000, 300_000, 399_999), strict=True):
        market.rebate_e6 = rebate
    money = summarise([run])["runs"][0]["settled"]
    assert (money["rebate_accrued_e6"], money["rebate_paid_e6"]) == (999_999, 0)
    run.markets[0].rebate_e6 += 1
    money = summarise([run])["runs"][0]["settled"]
    assert money["rebate_paid_e6"] == 1_000_000


def test_books_that_do_not_close_are_named() -> None:
    run = make_run()
    assert books_text(summarise([run])["runs"][0]["checks"]) == "yes"
    run.markets[0].cash_end_e6 += 1
    run.markets[1].orders.cancelled_e6 -= 5
    text = printed([run])
    assert "NO: ledger_minus_fills_e6 1, orders_unaccounted_e6 5" in " ".join(text.split())


def test_json_is_the_same_bytes_for_the_same_input() -> None:
    first, second = to_json([make_run()]), to_json([make_run()])
    assert first == second
    parsed = json.loads(first)
    assert parsed["schema"] == 1
    assert list(parsed) == sorted(parsed)
    assert b"NaN" not in first
    assert parsed["runs"][0]["settled"]["per_day"]["sharpe"] is None


def test_json_does_not_depend_on_the_order_in_which_names_were_counted() -> None:
    run = make_run(markets=2, unsettled=0, excluded=0)
    before = to_json([run])
    for market in run.markets:
        market.no_quote_seconds = dict(reversed(market.no_quote_seconds.items()))
    assert to_json([run]) == before


def test_a_tape_without_trades_says_so_in_the_fill_columns() -> None:
    runs = [make_run(fill_form="none"), make_run(fill_form="through")]
    none, through = summarise(runs)["runs"]
    assert none["settled"] == {"markets": 10, "markets_with_fills_known": 0}
    assert none["quoting"]["orders"]["placed_n"] > 0
    assert through["settled"]["fills_inferred"] == through["settled"]["fills"]
    text = printed(runs)
    for name in ("fills", "edge per share", "PnL after rebates", "fill ratio"):
        assert re.search(rf"^\s+{name}\s.*{NO_TRADES}", text, re.M), name
    assert "inferred" in text
    assert "adverse fills only" in text


def test_terminal_table_fits_100_columns_and_shows_what_must_be_shown() -> None:
    runs = [make_run(), make_run(queue="prob(3)"), make_run(fill_form="none")]
    text = printed(runs, terminal=True)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    for name in ("queue model", "latencies", "fee regime", "seed", "configuration", "filtered mid"):
        assert name in text
    for name, _, _ in KNOWN_OPTIMISM:
        assert name in " ".join(text.split())


def test_a_narrow_terminal_shows_every_figure_of_every_market() -> None:
    run = make_run(markets=3)
    run.markets[2].exclusion = "outside_window"
    for market in run.markets:
        market.market = replace(market.market, slug="synthetic-updown-300s-1800000000")
    lines = printed([run], terminal=True, width=80).splitlines()
    rows = [line for line in lines if line.startswith("synthetic-u")]
    assert len(rows) == 3
    for row in rows:
        assert row.split()[0].endswith("..1800000000")
        assert "\u2026" not in row
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_counts_are_words_that_agree() -> None:
    run = summarise([make_run(markets=1)])["runs"][0]
    assert counts_text(run).startswith("1 market: ")
    run = summarise([make_run()])["runs"][0]
    assert counts_text(run) == (
        "12 markets: 10 settled, 1 unsettled, 1 not run; excluded: no_outcome 1, no_snapshot 1"
    )


def test_few_windows_have_whole_ticks_on_the_equity_axis() -> None:
    for markets, step in ((4, 1), (40, None)):
        chart = report_charts.equity([series_of(make_run(markets=markets))])
        assert isinstance(chart, dict)
        assert chart["layout"]["xaxis"].get("dtick") == step


def test_a_lone_mark_is_a_dot_and_not_an_invisible_line() -> None:
    assert report_prices.line("f", [(1.0, 0.5)], "#000")["mode"] == "markers"
    assert report_prices.line("f", [(1.0, 0.5), (2.0, 0.5)], "#000")["mode"] == "lines"


def test_a_long_slug_keeps_its_kind_and_its_start() -> None:
    assert shortened("btc-updown-5m-1776327900", 28) == "btc-updown-5m-1776327900"
    assert shortened("synthetic-updown-300s-1800000000", 16) == "synt..1800000000"


def test_a_pipe_gets_plain_text_that_ascii_can_hold() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_summary(Console(file=out, width=100), [make_run()])
    out.flush()
    text = out.buffer.getvalue().decode("ascii")
    assert "\x1b" not in text
    assert "+/-" in text


def test_many_markets_are_cut_on_the_terminal_and_the_rest_counted() -> None:
    text = printed([make_run(markets=40, fills=2)])
    assert "and 25 markets more" in text


def test_no_run_is_said_so() -> None:
    assert "no run to report" in printed([])
    with pytest.raises(ValueError, match="at least one run"):
        page([])


def test_the_lead_is_risk_averse_with_known_fills() -> None:
    runs = [make_run(fill_form="none"), make_run(queue="prob(3)"), make_run()]
    assert headline(summarise(runs)["runs"]) == 2
    assert headline(summarise(runs[:2])["runs"]) == 1


def test_band_spans_the_runs_and_leaves_out_what_no_run_knows() -> None:
    runs = [make_run(), make_run(queue="prob(3)", fills=60)]
    band = summarise(runs)["band"]
    assert (band["fills"]["low"], band["fills"]["high"]) == (400, 600)
    assert set(band["fills"]["runs"]) == {"risk_averse, trades", "prob(3), trades"}
    assert summarise([make_run(fill_form="none")])["band"] == {}


def test_page_is_one_file_without_network_and_the_same_bytes_again(tmp_path: Path) -> None:
    runs = [make_run(), make_run(queue="prob(3)", fills=60)]
    path = write_html(runs, tmp_path / "report.html")
    html = path.read_text(encoding="utf-8")
    assert len(html) < 6_000_000
    assert page(runs) == html
    own = html.replace(page_library(html), "")
    assert "http" not in own.replace("http-equiv", "")
    assert "default-src 'none'" in own
    assert html.count("plotly.js v") == 1
    for name, *_ in CHARTS:
        assert f'id="{name}"' in html


def test_a_page_replaces_the_last_one_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("the last one")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            write_html([make_run()], path)
    assert path.read_text() == "the last one"
    write_html([make_run()], path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def page_library(html: str) -> str:
    scripts: list[str] = re.findall(r"<script>(.*?)</script>", html, re.S)
    return max(scripts, key=len)


def test_charts_without_data_are_a_sentence() -> None:
    run = make_run(markets=1, unsettled=0, excluded=1)
    series = [series_of(run)]
    for name, _, _, draw in CHARTS:
        sentence = draw(series)
        assert isinstance(sentence, str), name
        assert sentence.endswith(".")
    assert "No market ran" in page([run])


def test_text_from_a_tape_cannot_become_markup() -> None:
    run = make_run(markets=2, unsettled=0, excluded=0, fills=3)
    run.markets[0].source = "</script><q>x"
    run.markets[1].no_quote_seconds = {"</script><q>y": 5.0}
    run.facts["seed"] = "<q>z"
    html = page([run])
    assert "<q>x" not in html
    assert "<q>y" not in html
    assert "<q>z" not in html


def test_unsettled_markets_alone_are_drawn_with_a_caveat() -> None:
    html = page([make_run(markets=3, unsettled=3, excluded=0)])
    assert "marks at the last f" in html
    assert "equity is not drawn from marks" in html
    assert "markouts" in figures_of(html)["charts"]  # type: ignore[operator]


def test_thinning_keeps_the_extremes_and_the_ends() -> None:
    points: list[report_prices.Point] = [(float(i), (i * 37 % 101) / 101) for i in range(20_000)]
    points[7_777] = (7_777.0, 5.0)
    thin = report_prices.thinned(points, 900)
    assert len(thin) <= 901
    assert thin[0] == points[0]
    assert thin[-1] == points[-1]
    assert (7_777.0, 5.0) in thin


def test_a_quote_is_drawn_to_its_end_and_short_gaps_are_bridged() -> None:
    run = make_run(markets=1, unsettled=0, excluded=0)
    market = run.markets[0]
    start = market.market.start_ns
    moments = [(1, 4800, 5), (2, 4800, 0), (2.1, 4900, 5), (9, 4900, 0), (50, 4700, 5)]
    market.quotes = [(start + round(s * 1e9), p, n, 0, 0) for s, p, n in moments]
    drawn = report_prices.quote_side(measure_run(run)[0], 0)
    assert drawn == [
        (1.0, 0.48),
        (2.1, 0.49),
        (9.0, 0.49),
        (9.0, None),
        (50.0, 0.47),
        (300.0, 0.47),
    ]
    assert report_prices.quote_side(measure_run(run)[0], 1) == []


def test_a_band_needs_two_runs_that_know_the_figure() -> None:
    assert "band over" in printed([make_run(), make_run(queue="prob(3)")])
    assert "band over" not in printed([make_run(), make_run(fill_form="none")])


def test_one_odd_cell_does_not_set_the_colour_scale() -> None:
    run = make_run(markets=3, unsettled=0, excluded=0)
    run.markets[0].fills[0].fair += 0.5
    series = [series_of(run)]
    chart = report_charts.edge_by_tau_and_price(series)
    assert isinstance(chart, dict)
    assert chart["data"][0]["zmax"] < 10


def test_json_needs_neither_plotly_nor_rich() -> None:
    code = (
        "import sys; from polymm.research.report import to_json; to_json([]);"
        "bad = {'plotly', 'rich', 'numpy', 'numba'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
