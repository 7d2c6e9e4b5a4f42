"""User quoters: the base strategy written in Python gives the core's bits; faults say what."""

import gc
import importlib.util
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from polymm._core.book import Book
from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm._core.layout import STATE, reason_names
from polymm._core.quoter import Quoter, compile_quoter
from polymm._core.quoting import quote_columns
from polymm.errors import InputError, QuoterError
from polymm.strategy.base import BaseParameters
from tests.support.recordings import recording, wrapped_messages

ROOT = Path(__file__).parents[2]
SHARE = 1_000_000
LIMITED = BaseParameters(order_size_e6=20 * SHARE, max_position_e6=200 * SHARE)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("base_quoter", ROOT / "examples/base_quoter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def base_in_python(example: ModuleType) -> Quoter:
    return compile_quoter(example.base_quoter)


def even_book() -> Book:
    book = Book()
    book.replace(
        [(4_900, 100 * SHARE), (4_800, 100 * SHARE)], [(5_100, 100 * SHARE), (5_200, 100 * SHARE)]
    )
    return book


def quote_by(function: Any, book: Book | None = None, parameters: BaseParameters = LIMITED) -> Any:
    lane = Lane(book or even_book(), parameters, quoter_address=compile_quoter(function))
    lane.evaluate(1)
    return lane.quote


def random_states(rng: np.random.Generator, n: int) -> np.ndarray:
    """States of any book, price and inventory, some of them thin, crossed or impossible."""
    states = np.zeros(n, dtype=STATE)
    tick = rng.choice([100, 10], n)
    middle = rng.integers(1, 10_000 // tick) * tick
    gap = rng.choice([1, 1, 1, 2, 5, 0], n) * tick
    states["tick_e4"] = rng.choice([1, 1, 1, 1, 1, 1, 1, 0], n) * tick
    states["lot_e6"] = 10_000
    states["order_min_e6"] = 5 * SHARE
    states["bid_e4"] = middle
    states["ask_e4"] = middle + gap
    states["best_bid_e4"] = middle + rng.choice([0, 0, 1], n) * tick
    states["best_ask_e4"] = np.minimum(middle + gap + rng.choice([0, 0, -1], n) * tick, 10_000)
    states["imbalance"] = rng.uniform(-1, 1, n)
    states["up_e6"] = rng.choice([0, 1, 1], n) * rng.integers(-1, 250 * SHARE, n)
    states["sellable_up_e6"] = states["up_e6"] * rng.choice([0, 1, 1], n)
    states["down_e6"] = rng.choice([0, 1, 1], n) * rng.integers(0, 250 * SHARE, n)
    states["last_price_e4"] = rng.choice([0, 1], n) * rng.integers(0, 10_000, n)
    states["reasons"] = rng.choice([0, 0, 0, 0, 0, 0, 1, 2, 4], n)
    states["usable"] = states["reasons"] == 0
    states["mid"] = (states["bid_e4"] + states["ask_e4"]) / 20_000
    return states


def choices(rng: random.Random) -> BaseParameters:
    return BaseParameters(
        order_size_e6=rng.choice([5, 20, 33]) * SHARE,
        max_position_e6=rng.choice([5, 40, 200]) * SHARE,
        inventory_sign=rng.choice(["prose", "literal"]),
        skew_mode=rng.choice(["value", "shares", "net_limit"]),
        ask_mode=rng.choice(["buy_complement", "sell_first"]),
        thin_book=rng.choice(["fixed_spread", "pull"]),
        k_inv=rng.uniform(0, 0.05),
        k_imb=rng.uniform(-0.05, 0.05),
        min_spread=rng.uniform(0, 0.01),
        quote_min=rng.choice([0.01, 0.015, 0.3]),
        quote_max=rng.choice([0.99, 0.985, 0.6]),
    )


def test_the_base_strategy_in_python_gives_the_same_bits_on_random_states(
    base_in_python: Quoter,
) -> None:
    seed = 79
    rng = random.Random(seed)
    print(f"seed {seed}")
    reasons = 0
    for i in range(40):
        states = random_states(np.random.default_rng([seed, i]), 500)
        params = choices(rng)

        compiled = quote_columns(states, params)
        python = quote_columns(states, params, quoter_address=base_in_python)

        assert python.tobytes() == compiled.tobytes()
        reasons |= int(np.bitwise_or.reduce(compiled["reasons"]))
    assert len(reason_names(reasons)) >= 11


def test_the_base_strategy_in_python_gives_the_same_bits_on_recorded_books(
    base_in_python: Quoter,
) -> None:
    markets = json.loads(recording("ws_market_btc5m/*.markets.json").read_bytes())
    decoder = Decoder()
    pairs = []
    for market in markets.values():
        slot = decoder.add_market(market["upTokenId"], market["downTokenId"])
        pair = [
            Lane(decoder.book(slot), LIMITED, quoter_address=quoter)
            for quoter in (0, base_in_python)
        ]
        for lane in pair:
            lane.set_inventory(60 * SHARE, 40 * SHARE)
        pairs.append(pair)
    quoted = set()

    for frame in wrapped_messages(recording("ws_market_btc5m/*.jsonl.gz"), b"payload"):
        decoder.feed(frame)
        for compiled, python in pairs:
            compiled.evaluate(1)
            python.evaluate(1)
            assert python.quote_view.tobytes() == compiled.quote_view.tobytes()
            quoted.add(compiled.quote.ask)
    assert len(quoted) > 50


def test_the_example_runs() -> None:
    found = subprocess.run(
        [sys.executable, "examples/base_quoter.py"],
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )

    lines = found.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]


def test_a_lane_keeps_its_quoter_alive() -> None:
    def fixed(state: Any, params: Any, quote: Any) -> None:
        quote.bid = 0.40
        quote.bid_e4 = 4_000
        quote.bid_e6 = params.order_size_e6

    lane = Lane(even_book(), LIMITED, quoter_address=compile_quoter(fixed))
    gc.collect()

    lane.evaluate(1)

    assert lane.quote[:3] == (4_000, 20 * SHARE, 0)
    assert lane.quote.reasons == 0


def test_a_quoter_that_says_nothing_is_silent() -> None:
    def silent(state: Any, params: Any, quote: Any) -> None:
        return

    assert reason_names(quote_by(silent).reasons) == ("quoter_silent",)


def test_a_quoter_that_raises_has_failed_and_says_nothing_else(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def raising(state: Any, params: Any, quote: Any) -> None:
        quote.bid, quote.bid_e4, quote.bid_e6, quote.merge_e6 = 0.4, 4_000, 5_000_000, 1_000_000
        if state.best_bid_e4 > 0:
            raise ValueError("boom")

    quote = quote_by(raising)

    assert quote[:5] == (0, 0, 0, 0, 0)
    assert reason_names(quote.reasons) == ("quoter_failed",)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("field", ["bid_e6", "ask_sell_e6", "ask_buy_e6"])
def test_a_size_that_no_sum_of_dollars_holds_is_a_failure(field: str) -> None:
    source = f"""
def huge(state, params, quote):
    quote.bid, quote.bid_e4, quote.bid_e6 = 0.4, 4_000, 5_000_000
    quote.ask, quote.ask_e4, quote.ask_buy_e6 = 0.6, 6_000, 5_000_000
    quote.{field} = params.user0
"""
    names: dict[str, Any] = {}
    exec(source, names)

    def ended(size_e6: float) -> tuple[str, ...]:
        return reason_names(
            quote_by(names["huge"], parameters=replace(LIMITED, user0=size_e6)).reasons
        )

    assert ended(1e14) == ()
    assert ended(1e14 + 1) == ended(9e18) == ("quoter_failed",)


def test_a_price_of_nan_is_no_opinion_whatever_the_size() -> None:
    def sized(state: Any, params: Any, quote: Any) -> None:
        quote.bid_e4 = 4_000
        quote.bid_e6 = 5_000_000
        quote.ask = 0.6
        quote.ask_e4 = 6_000
        quote.ask_buy_e6 = 5_000_000

    quote = quote_by(sized)

    assert quote[:5] == (0, 0, 6_000, 0, 5 * SHARE)


@pytest.mark.parametrize(
    ("bid_e4", "ask_e4", "reasons"),
    [
        (4_950, 6_000, ("bid_guarded_out",)),  # off the tick
        (5_100, 6_000, ("bid_guarded_out",)),  # would take the ask
        (4_000, 4_900, ("ask_guarded_out",)),  # would take the bid
        (-100, 10_000, ("bid_guarded_out", "ask_guarded_out")),
        (5_000, 5_000, ("bid_guarded_out", "ask_guarded_out")),  # would meet itself
    ],
)
def test_a_side_the_venue_could_not_accept_is_dropped(
    bid_e4: int, ask_e4: int, reasons: tuple[str, ...]
) -> None:
    def quoter(state: Any, params: Any, quote: Any) -> None:
        quote.bid = quote.ask = 0.5
        quote.bid_e4 = bid_e4
        quote.ask_e4 = ask_e4
        quote.bid_e6 = quote.ask_buy_e6 = 5_000_000

    quote = quote_by(quoter)

    assert reason_names(quote.reasons) == reasons
    assert (quote.bid_e6 == 0) == ("bid_guarded_out" in reasons)
    assert (quote.ask_buy_e6 == 0) == ("ask_guarded_out" in reasons)


def test_dividing_by_zero_is_infinity_not_a_fault() -> None:
    def divides(state: Any, params: Any, quote: Any) -> None:
        quote.skew = 1.0 / params.user0

    assert quote_by(divides).skew == float("inf")


async def coroutine(state: Any, params: Any, quote: Any) -> None:
    quote.bid_e4 = 4_000


def generator(state: Any, params: Any, quote: Any) -> Any:
    yield


@pytest.mark.parametrize("function", [coroutine, generator])
def test_a_function_that_does_not_run_when_called_is_refused(function: Any) -> None:
    with pytest.raises(QuoterError, match=r"must be a plain function, \w+ is a generator or async"):
        compile_quoter(function)


@pytest.mark.parametrize("function", [lambda state, params: None, len, 5])
def test_anything_but_a_function_of_three_is_refused(function: Any) -> None:
    with pytest.raises(QuoterError, match=r"must be a function of \(state, params, quote\)"):
        compile_quoter(function)


@pytest.mark.parametrize("address", [-1, 2**64, "0x10", 1.5, None])
def test_what_is_no_address_is_refused(address: Any) -> None:
    with pytest.raises(InputError, match="quoter_address must be a compiled quoter or its address"):
        Lane(even_book(), LIMITED, quoter_address=address)


def test_a_field_that_is_not_there_is_refused_by_name() -> None:
    def quoter(state: Any, params: Any, quote: Any) -> None:
        quote.bidd = 0.5

    with pytest.raises(QuoterError, match=r"quoter quoter does not compile: .*bidd"):
        compile_quoter(quoter)


def test_python_that_numba_does_not_know_is_refused_with_its_reason() -> None:
    def quoter(state: Any, params: Any, quote: Any) -> None:
        open("/tmp/never")  # noqa: SIM115

    with pytest.raises(QuoterError, match="does not compile: TypingError"):
        compile_quoter(quoter)


def test_numba_is_imported_by_the_first_compilation_only() -> None:
    code = (
        "import sys, polymm._core.quoter, polymm.strategy.base\nassert 'numba' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
