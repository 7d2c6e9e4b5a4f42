"""A user's own quoter by its configured name: what runs, what is refused, what is told."""

import pickle
from operator import index
from pathlib import Path

import pytest

from polymm.errors import ConfigError, QuoterError
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.research.tape_file import write_tape
from polymm.runtime.config import Config
from polymm.runtime.config_source import load_config
from polymm.runtime.runner import session_settings
from polymm.runtime.settings import base_parameters
from polymm.runtime.tape_runs import plan_recorded, run_plan
from polymm.runtime.tape_settings import run_settings
from polymm.runtime.user_quoter import pinned, user_quoter

EXAMPLE = Path(__file__).parents[2] / "examples/base_quoter.py"
SOURCE = """
def wide(state, params, quote):
    if state.usable:
        quote.bid_e4 = state.best_bid_e4 - int(params.user0)
        quote.bid, quote.ask = quote.bid_e4 / 10000.0, 1.0
        quote.bid_e6 = params.order_size_e6

def three(a, b, c):
    pass
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def configured(quoter: str, **more: str) -> Config:
    environ = {"POLYMM__STRATEGY__QUOTER": quoter, "POLYMM__VENUE__QUEUE": "risk_averse"}
    return load_config(environ=environ | more).config


def test_the_example_runs_a_tape_as_the_base_strategy_does(tmp_path: Path) -> None:
    tape = generate_window(3, settings=FlowSettings(window_s=20, lookback_s=4))
    write_tape(tmp_path / "a.tape", tape, "none")
    found = []
    for name in ("", f"{EXAMPLE}:base_quoter"):
        config = configured(name, POLYMM__STRATEGY__ORDER_SIZE="20")
        (run,) = run_plan(plan_recorded(config, [tmp_path]), config)
        found.append(run)
    base, own = found
    assert own.markets == base.markets
    assert len(base.markets[0].quotes) > 10
    assert "quoter" not in base.facts
    assert own.facts["quoter"].startswith(f"{EXAMPLE}:base_quoter@")
    assert own.facts["configuration"] != base.facts["configuration"]


def test_what_is_in_the_file_is_part_of_the_configuration(mine: Path) -> None:
    before = configured(f"{mine}:wide")
    assert before.strategy.quoter == pinned(f"{mine}:wide")
    assert index(user_quoter(before.strategy.quoter)) > 0
    mine.write_text(SOURCE.replace("1.0", "0.9"))
    after = configured(f"{mine}:wide")
    assert after.digest() != before.digest()
    # Who has the name of before, a recorded run or a worker, does not get other code.
    assert pinned(before.strategy.quoter) == before.strategy.quoter
    other = before.strategy.quoter.replace(":wide@", ":three@")
    with pytest.raises(QuoterError, match=r"mine\.py: expected the quoter .*, found .*: it was ch"):
        user_quoter(other)


def test_a_worker_runs_what_was_sent_without_the_file(mine: Path) -> None:
    sent = pickle.dumps(run_settings(configured(f"{mine}:wide")))
    mine.unlink()
    assert index(pickle.loads(sent).quoter) > 0


def test_what_trades_nothing_needs_no_file(tmp_path: Path) -> None:
    name = f"{tmp_path / 'gone.py'}:wide"
    loaded = load_config(environ={"POLYMM__STRATEGY__QUOTER": name}, needs_quoter=False)
    assert loaded.config.strategy.quoter == name


def test_it_reaches_live_runs_and_workers_with_numbers_of_its_own(mine: Path) -> None:
    config = configured(f"{mine}:wide", POLYMM__STRATEGY__USER0="100", POLYMM__STRATEGY__USER7="-1")
    assert base_parameters(config).user0 == 100.0
    assert base_parameters(config).user7 == -1.0
    settings = run_settings(config)
    assert session_settings(config, "test").quoter_address == index(settings.quoter) > 0
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert index(run_settings(configured("")).quoter) == 0


@pytest.mark.parametrize("text", ["nonsense", "mine.py", "my.txt:wide", "mine.py:", "mine.py:a b"])
def test_what_names_no_function_of_a_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"strategy\.quoter must be FILE\.py:FUNCTION, or empty"):
        configured(text)


def test_a_file_that_is_not_there_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"env .*: strategy\.quoter: .*gone\.py: cannot be read"):
        configured(f"{tmp_path / 'gone.py'}:wide")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ValueError('boom')", r"mine\.py: cannot be run: ValueError: boom"),
        ("raise SystemExit(3)", r"mine\.py: cannot be run: SystemExit: 3"),
        ("def (", r"mine\.py: cannot be run: SyntaxError"),
        ("import nothing_of_that_name", r"mine\.py: cannot be run: ModuleNotFoundError"),
        ("other = 1", r"mine\.py: expected a function wide, found none"),
        ("wide = 1", r"mine\.py: a quoter must be a function"),
        ("def wide(a, b): pass", r"mine\.py: a quoter must be a function of \(state, params, qu"),
    ],
)
def test_a_file_that_holds_no_quoter_says_so(mine: Path, source: str, said: str) -> None:
    mine.write_text(source)
    with pytest.raises(QuoterError, match=said):
        index(user_quoter(f"{mine}:wide"))
