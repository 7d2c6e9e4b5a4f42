"""``polymm backtest`` and ``polymm report`` as a user types them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from polymm.research.tape_file import open_tape, write_packed

Answer = tuple[int, str, str]
Polymm = Callable[..., Answer]


def test_two_folders_of_one_name_have_two_pages(polymm: Polymm, made: Path, tmp_path: Path) -> None:
    for place in ("a", "b", "b"):
        folder = tmp_path / place / "tapes"
        folder.mkdir(parents=True, exist_ok=True)
        for tape in made.iterdir():
            (folder / tape.name).write_bytes(tape.read_bytes())
        assert polymm("backtest", str(folder), "--stress", "1", "--quiet")[0] == 0
    assert len(list(tmp_path.glob("polymm-runs/tapes-*.html"))) == 2


def test_tapes_run_under_both_queues_and_once_under_stress(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    code, out, _ = polymm("backtest", str(made), "--report", "a.html")
    assert code == 0
    assert out.startswith("polymm report  2 markets: 2 settled")
    assert "latency x2" in " ".join(out.split())
    assert "PnL by the fill list" in out
    assert out.splitlines()[-2:] == ["result  a.result.json", "report  a.html"]
    runs = json.loads((tmp_path / "a.result.json").read_text())["runs"]
    assert [(run["queue"], run["stress"]) for run in runs] == [
        ("risk_averse", 1.0),
        ("prob(3)", 1.0),
        ("risk_averse", 2.0),
    ]
    assert "order 100 ms" in runs[2]["facts"]["latency"]


def test_a_saved_result_is_shown_again_and_compared(polymm: Polymm, made: Path) -> None:
    first = polymm("backtest", str(made), "--report", "a.html")[1]
    again = polymm("report", "a.result.json", "--html", "again.html")
    assert again[0] == 0
    assert again[1].splitlines()[:-1] == first.splitlines()[:-2]
    assert Path("again.html").read_text() == Path("a.html").read_text()
    Path("other.toml").write_text("[strategy]\norder_size = 5\nspread = 0.02\n")
    given = ("--config", "other.toml", "--stress", "1", "--json", "--report", "b.html")
    code, out, _ = polymm("backtest", str(made), *given, "--compare", "a.html")
    assert code == 0
    assert [one["markets"] for one in json.loads(out)["comparisons"]] == [2, 2]
    code, text, _ = polymm("report", "a.result.json", "b.result.json", "--html", "c.html")
    assert code == 0
    assert text.count("2 markets in 2 windows, 0 left out; per market, b minus a") == 2
    assert "configuration: " in text
    assert "Facts that differ" in Path("c.html").read_text()
    apart = json.loads(polymm("report", "a.html", "b.html", "--json")[1])
    assert apart["comparisons"] == json.loads(out)["comparisons"]
    assert "configuration" in apart["facts_apart"]


def test_results_without_a_market_in_common_are_an_error(polymm: Polymm, made: Path) -> None:
    for name in "01":
        given = ("--stress", "1", "--queue", "risk_averse", "--report", f"{name}.html", "--quiet")
        assert polymm("backtest", str(made / f"{name}.tape"), *given)[0] == 0
    code, out, said = polymm("report", "0.html", "1.html")
    assert (code, out) == (1, "")
    assert "settled in both results, found none: 2 apart" in said


def test_packed_tapes_and_their_windows_run_alike(polymm: Polymm, made: Path) -> None:
    """What `polymm run --fast` generates is what the same windows packed give."""
    common = ("--json", "--no-report", "--queue", "risk_averse")
    fast = ("run", "--fast", "--windows", "2", "--window-s", "15", "--seed", "1")
    generated = json.loads(polymm(*fast, *common)[1])["runs"]
    packed = json.loads(polymm("backtest", str(made), "--stress", "1", *common)[1])["runs"]
    replayed = json.loads(polymm("run", "--tape", str(made), *common)[1])["runs"]
    assert [run["settled"] for run in packed] == [run["settled"] for run in generated]
    assert replayed == packed


def test_a_market_that_is_given_twice_counts_once_and_is_named(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    shutil.copy(made / "0.tape", tmp_path / "twin.tape")
    given = ("--no-report", "--json", "--queue", "risk_averse", "--stress", "1")
    code, out, _ = polymm("backtest", str(made), "twin.tape", *given)
    assert code == 0
    (run,) = json.loads(out)["runs"]
    assert run["counts"]["markets"] == 2
    assert "twin.tape: " in run["facts"]["tapes left out"]
    assert "is in 0.tape too" in run["facts"]["tapes left out"]


def test_a_market_without_outcome_is_in_no_total_and_counted(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    write_packed(tmp_path / "open.tape", replace(open_tape(made / "0.tape"), outcome=None))
    given = ("--no-report", "--json", "--queue", "risk_averse", "--stress", "1")
    code, out, _ = polymm("backtest", "open.tape", str(made / "1.tape"), *given)
    assert code == 0
    (run,) = json.loads(out)["runs"]
    assert run["counts"]["reasons"] == {"no_outcome": 1}
    assert (run["counts"]["settled"], run["counts"]["unsettled"]) == (1, 1)
    assert run["settled"]["markets"] == 1


def test_what_cannot_be_run_or_read_ends_with_its_code(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut.tape").write_bytes((made / "0.tape").read_bytes()[:-100])
    code, out, err = polymm("backtest", "cut.tape", "nothing")
    assert (code, out) == (1, "")
    assert "cut.tape: cut short" in err
    assert "nothing: expected a file or folder, found nothing there" in err
    assert polymm("backtest", str(made), "--config", "none.toml")[0] == 3
    assert polymm("backtest", str(made), "--compare", "none.json")[0] == 1
    assert polymm("backtest", str(made), "--no-report", "--report", "x.html")[0] == 2
    assert polymm("backtest", str(made), "--stress", "inf")[0] == 2
    assert polymm("report", "none.json")[0] == 1
    assert polymm("report", "a", "b", "c")[0] == 2
    assert polymm("report", "none.json", "--html", str(made))[0] == 2
