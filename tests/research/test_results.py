"""Results as files, and two of them side by side: b minus a, market by market."""

import io
import math
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from polymm.errors import InputError
from polymm.research.comparison import compare
from polymm.research.report import json_of, make_result, print_comparison, print_result, to_json
from polymm.research.report_html import page_of
from polymm.research.report_rows import run_rows
from polymm.research.result_shape import shape_fault
from polymm.research.results import compare_results, facts_apart, read_result, save_result
from tests.support.runs import make_run

Json = dict[str, Any]


def summary(**values: Any) -> Json:
    run: Json = make_result([make_run(**values)], with_charts=False)["runs"][0]
    return run


def test_comparing_a_run_with_itself_finds_no_difference() -> None:
    run = summary()
    result = compare(run, run)
    assert (result["markets"], result["clusters"]) == (10, 10)
    assert all(row["difference"] == 0.0 for row in result["per_market"].values())


def test_comparison_pairs_markets_and_clusters_by_window() -> None:
    a, b = make_run(), make_run()
    for market in b.markets:
        market.rebate_e6 += 500_000
    left, right = (make_result([run], with_charts=False)["runs"][0] for run in (a, b))
    row = compare(left, right)["per_market"]["edge_and_rebate"]
    assert row["difference"] == pytest.approx(0.5)
    assert row["se"] == pytest.approx(0.0, abs=1e-9)
    b.markets.pop(0)
    result = compare(left, make_result([b], with_charts=False)["runs"][0])
    assert (result["markets"], result["markets_left_out"]) == (9, 5)
    out = io.StringIO()
    print_comparison(Console(file=out, width=100), result)
    assert "9 markets in 9 windows" in out.getvalue()


def test_markets_of_one_window_are_one_cluster() -> None:
    """Twice the same ten differences in the same windows: no more is known than from one coin."""
    a, b = summary(seed=7), summary(seed=8)
    row = compare(a, b)["per_market"]["pnl_before_rebates"]
    for run in (a, b):
        run["markets"] += [
            market | {"condition_id": market["condition_id"] + "e"} for market in run["markets"]
        ]
    twice = compare(a, b)
    assert (twice["markets"], twice["clusters"]) == (20, 10)
    both = twice["per_market"]["pnl_before_rebates"]
    assert both["se"] == pytest.approx(row["se"])
    assert both["t"] == pytest.approx(row["t"])
    naive = math.sqrt(sum(m["pnl_before_rebates"] ** 2 for m in twice["differences"])) / 20
    assert both["se"] > naive


def test_the_same_market_from_a_run_and_from_its_recording_is_paired_by_its_id() -> None:
    a, b = summary(), summary()
    for market in b["markets"]:
        market["source"] = "another place"
    assert compare(a, b)["markets"] == 10
    for market in b["markets"]:
        market["condition_id"] = "0x" + market["condition_id"][::-1]
    assert compare(a, b)["markets"] == 0


def test_runs_of_one_model_are_compared_and_else_those_that_lead() -> None:
    a = make_result([make_run(queue="prob(3)"), make_run()], with_charts=False)
    b = make_result([make_run(), make_run(queue="prob(3)")], with_charts=False)
    pairs = [(one["a"], one["b"]) for one in compare_results(a, b)]
    assert pairs == [("risk_averse, trades",) * 2, ("prob(3), trades",) * 2]
    other = make_result([make_run(queue="prob(2)")], with_charts=False)
    (only,) = compare_results(a, other)
    assert (only["a"], only["b"]) == ("risk_averse, trades", "prob(2), trades")


def test_facts_that_differ_are_told() -> None:
    a, b = make_run(), make_run()
    b.facts["configuration"] = "another"
    results = [make_result([run], with_charts=False) for run in (a, b)]
    assert facts_apart(*results) == [("configuration", a.facts["configuration"], "another")]


def test_a_saved_result_prints_the_same_report(tmp_path: Path) -> None:
    runs = [make_run(), make_run(queue="prob(3)", fills=60)]
    result = make_result(runs)
    found = read_result(save_result(result, tmp_path / "one.result.json"))
    assert found == result
    assert json_of(found) == to_json(runs)
    texts = []
    for one in (result, found):
        out = io.StringIO()
        print_result(Console(file=out, width=100), one)
        texts.append(out.getvalue())
    assert texts[0] == texts[1]
    assert [path.name for path in tmp_path.iterdir()] == ["one.result.json"]


def test_ledger_and_fill_list_stand_in_the_report_to_the_micro_dollar() -> None:
    run = make_run()
    money = make_result([run], with_charts=False)["runs"][0]["settled"]
    assert money["ledger_e6"] == money["fill_list_e6"] == money["pnl_e6"]
    run.markets[0].cash_end_e6 += 1
    out = io.StringIO()
    result = make_result([run], with_charts=False)
    print_result(Console(file=out, width=100), result)
    text = " ".join(out.getvalue().split())
    assert "NO: ledger_minus_fills_e6 1" in text
    ledger, fills = (money["ledger_e6"] + 1) / 1e6, money["fill_list_e6"] / 1e6
    assert f"PnL by the ledger {ledger:+,.6f} $ PnL by the fill list {fills:+,.6f} $" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"<html>", "expected a saved result"),
        (b"[1]", "expected a result of schema 1, found None"),
        (b'{"schema":9,"runs":[]}', "expected a result of schema 1, found 9"),
        (b'{"schema":1,"runs":[]}', "at least one run"),
        (
            b'{"schema":1,"runs":[{"queue":"x"}],"band":{}}',
            "an object with fill_form, found one with",
        ),
        (b'{"schema":1,"runs":[5],"band":{}}', r"runs\[0\]: expected an object, found 5"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_result(path)


def parts(value: Any, *path: str | int) -> list[tuple[str | int, ...]]:
    """Paths of all parts of a result; of a list its first."""
    items = list(value.items()) if isinstance(value, dict) else []
    items = list(enumerate(value))[:1] if isinstance(value, list) else items
    return [path, *(found for key, one in items for found in parts(one, *path, key))]


def changed(saved: bytes, path: tuple[str | int, ...], other: object) -> Json:
    """A result with one part replaced, or left out for "gone"."""
    result: Json = orjson.loads(saved)
    holder: Any = result
    for key in path[:-1]:
        holder = holder[key]
    if other == "gone":
        del holder[path[-1]]
    else:
        holder[path[-1]] = other
    return result


def test_a_result_with_a_part_missing_or_misshapen_is_refused_or_shown() -> None:
    """Whatever is not refused can be shown and compared; what is, in one line that says where."""
    run = make_run(markets=2, unsettled=0, excluded=1, fills=2)
    run.optimism["no queue"] = ("remains", "why")
    saved = orjson.dumps(make_result([run], with_charts=False))
    others = ("gone", {}, [], None, "x", -1)
    refused = shown = 0
    for k, path in enumerate(parts(orjson.loads(saved))[1:]):
        for other in ("gone", others[1 + k % 5]):
            found = changed(saved, path, other)
            fault = shape_fault({"page": {}} | found)
            if fault:
                assert re.fullmatch(r".*: expected .*, found .*", fault)
                refused += 1
            elif found.get("runs"):
                run_rows(found["runs"])
                compare_results(found, found)
                facts_apart(found, found)
                if not shown % 20:
                    print_result(Console(file=io.StringIO(), width=100), found)
                    page_of(found)
                shown += 1
    assert refused > 150
    assert shown > 20


def test_a_run_under_stress_stands_beside_the_band() -> None:
    stressed = make_run(fills=5)
    stressed.stress = 2.0
    result = make_result([make_run(), make_run(queue="prob(3)"), stressed], with_charts=False)
    assert result["band"]["fills"]["low"] == 400
    assert orjson.dumps(result).count(b'"stress":2.0') == 1
    out = io.StringIO()
    print_result(Console(file=out, width=100), result)
    assert "latency x2" in " ".join(out.getvalue().split())
