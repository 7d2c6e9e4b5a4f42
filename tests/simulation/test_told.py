"""What counts as told to one process of the engine."""

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from tests.simulation.told import SECOND, Told

MARKET = "0xm"
MINUTE = 60 * SECOND


def failed(trade: str, market: str = MARKET) -> ev.FillTold:
    return ev.FillTold(
        trade, "0xa", 0, ev.Settlement.VOID, market, Token.UP, Side.BUY, 5, 10, True, 0, 0, 1, 1
    )  # fmt: skip


def told(*times_s: int, settled: tuple[str, ...] = ()) -> Told:
    """Somebody who was told of failures at these times."""
    one = Told(0, lambda _: None, settled)
    for n, at_s in enumerate(times_s):
        one.apply(at_s * SECOND, failed(f"t{n}"))
    return one


def test_three_failures_within_the_window_count_for_ever() -> None:
    one = told(1, 2, 590)
    assert one.has_failed(3, 10 * MINUTE)
    one.apply(5_000 * SECOND, failed("later"))
    assert one.has_failed(3, 10 * MINUTE)


def test_failures_further_apart_do_not() -> None:
    assert not told(1, 2).has_failed(3, 10 * MINUTE)
    assert not told(1, 2, 601).has_failed(3, 10 * MINUTE)


def test_a_failure_is_counted_once() -> None:
    one = told(1, 2)
    one.apply(3 * SECOND, ev.TradesRead("", 0, (failed("t0"), failed("t1")), 1, 1))
    assert not one.has_failed(3, 10 * MINUTE)


def test_what_an_earlier_process_knew_counts_when_it_is_told_again() -> None:
    one = Told(0, lambda _: None)
    for trade in "abc":
        one.fills[failed(trade).key] = failed(trade)
    assert not one.has_failed(3, 10 * MINUTE)
    one.apply(SECOND, ev.TradesRead("", 0, tuple(map(failed, "abc")), 1, 1))
    assert one.has_failed(3, 10 * MINUTE)
    assert not one.news


def test_what_failed_in_a_market_that_is_settled_is_over() -> None:
    assert not told(1, 2, 3, settled=(MARKET,)).has_failed(3, 10 * MINUTE)
    one = told(1, 2)
    one.apply(3 * SECOND, ev.MarketSettled(MARKET, 0))
    one.apply(4 * SECOND, failed("late"))
    assert not one.has_failed(3, 10 * MINUTE)
