"""Sweeps over quoters of the user's own: one code a point, whatever becomes of its file."""

from pathlib import Path

import pytest

from benches.sweep_scenes import SPACE, make_tapes
from polymm.errors import ConfigError, QuoterError
from polymm.research.sweep import SweepPlan, run_sweep
from polymm.research.sweep_report import sweep_lines, sweep_record
from polymm.runtime.sweep_plan import read_sweep
from polymm.runtime.user_quoter import pinned
from tests.support.sweep_scene import HerePool, killed_sweep, plan, text_of

QUOTER = """
def mine(state, params, quote):
    if state.usable:
        quote.bid_e4 = state.best_bid_e4 - state.tick_e4 * WIDER
        quote.ask_e4 = state.best_ask_e4 + state.tick_e4 * WIDER
        quote.bid, quote.ask = quote.bid_e4 / 10000.0, quote.ask_e4 / 10000.0
        quote.bid_e6 = quote.ask_buy_e6 = params.order_size_e6
"""


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tapes(tmp_path_factory.mktemp("quoters") / "edge", 24, "edge")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(QUOTER.replace("WIDER", "0"))
    return path


def planned(tapes: Path, *quoters: str) -> SweepPlan:
    space = f"[space]\nstrategy.quoter = [{', '.join(f'{one!r}' for one in quoters)}]\n"
    return plan(tapes, SPACE.partition("[space]")[0] + space, search="grid")


def test_a_searched_quoter_is_named_by_what_is_in_its_file(
    tapes: Path, mine: Path, tmp_path: Path
) -> None:
    name = f"{mine}:mine"
    before = planned(tapes, "", name)
    pin = pinned(name)[-12:]
    assert killed_sweep(before, tmp_path / "a.db", 3) == -9
    mine.write_text(QUOTER.replace("WIDER", "3"))
    after = planned(tapes, "", name)
    # What was begun with the one code does not go on with the other.
    with pytest.raises(ConfigError, match=f"space was .*{pin}.*, is .*{pinned(name)[-12:]}"):
        run_sweep(after, tmp_path / "a.db", HerePool())
    result = run_sweep(after, tmp_path / "b.db", HerePool())
    assert result is not None
    assert [point.get("strategy.quoter") for point in result.points] == [None, "", pinned(name)]
    base, again, own = result.trials
    assert base.score == again.score != own.score
    assert pinned(name) in text_of(after, result)
    assert ", numba " in after.identity["versions"]


def test_a_sweep_goes_on_with_the_code_that_it_began_with(tapes: Path, mine: Path) -> None:
    made = planned(tapes, f"{mine}:mine")
    whole = run_sweep(made, mine.with_name("a.db"), HerePool())
    mine.write_text(QUOTER.replace("WIDER", "3"))
    again = run_sweep(made, mine.with_name("b.db"), HerePool())
    assert text_of(made, again) == text_of(made, whole)


def test_a_searched_quoter_that_is_not_there_or_broken_is_told_first(
    tapes: Path, mine: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.py"
    with pytest.raises(ConfigError, match=r"space\.strategy\.quoter .*gone\.py: cannot be read"):
        planned(tapes, "", f"{gone}:mine")
    with pytest.raises(QuoterError, match=r"mine\.py: expected a function other, found none"):
        planned(tapes, "", f"{mine}:mine", f"{mine}:other")


def test_a_quoter_that_fails_is_no_quiet_one(tapes: Path, mine: Path) -> None:
    mine.write_text(
        QUOTER.replace("if state.usable:", "if state.usable:\n        raise ValueError")
    )
    made = planned(tapes, "", f"{mine}:mine")
    result = run_sweep(made, mine.with_name("a.db"), HerePool())
    assert result is not None
    record = sweep_record(made, result)
    default, base, own = (one["quoter_failed"] for one in record["trials"])
    assert default == base == 0 < own
    assert ("quoter", f"failed in {own:,} cycles, in 1 of the trials") in sweep_lines(record)


def test_it_must_be_a_list_of_names(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text('[space]\nstrategy.quoter = ["mine.py"]\n')
    with pytest.raises(ConfigError, match=r"each FILE\.py:FUNCTION, or empty, was \['mine\.py'\]"):
        read_sweep(path, {})
