"""Each fill once, shares as an interval over every settlement, cash beside them."""

import random

import pytest

from polymm.domain.order import Side, Token
from polymm.engine.evidence import Correction, FillTold, Settlement
from polymm.engine.fill_ledger import ENTRIES_MAX, FORGOTTEN_MAX, FillLedger, FillNews

MATCHED, RETRYING, MINED, CONFIRMED, VOID = Settlement
SHARE = 1_000_000


def fill(
    trade: str = "t",
    status: Settlement = MATCHED,
    *,
    side: Side = Side.BUY,
    token: Token = Token.UP,
    order: str = "A",
    leg: int = 0,
    fee_e6: int = 0,
    market: str = "m",
) -> FillTold:
    return FillTold(
        trade,
        order,
        leg,
        status,
        market,
        token,
        side,
        10 * SHARE,
        10 * SHARE * 4_000,
        is_maker=not fee_e6,
        fee_e6=fee_e6,
        counter_fee_e6=0,
        stamp_ns=0,
        recv_ns=0,
    )


def held(ledger: FillLedger, token: Token = Token.UP) -> tuple[int, int, int, int]:
    at = ledger.position("m", token)
    shares = (at.low_e6, at.high_e6, at.booked_e6, at.confirmed_e6)
    return tuple(share // SHARE for share in shares)  # type: ignore[return-value]


def test_a_provisional_buy_may_or_may_not_be_held() -> None:
    ledger = FillLedger()
    assert ledger.apply(fill()) is FillNews.NEW
    assert held(ledger) == (0, 10, 10, 0)
    assert ledger.total.spending_e10 == 40_000_000_000
    assert ledger.apply(fill(status=CONFIRMED)) is FillNews.STATUS
    assert held(ledger) == (10, 10, 10, 10)
    assert ledger.total.spending_e10 == 0
    assert ledger.total.confirmed_e10 == -40_000_000_000


def test_a_provisional_sell_may_or_may_not_be_gone() -> None:
    ledger = FillLedger()
    ledger.apply(fill(status=CONFIRMED))
    ledger.apply(fill("s", side=Side.SELL))
    assert held(ledger) == (0, 10, 0, 10)
    assert ledger.total.earning_e10 == 40_000_000_000
    ledger.apply(fill("s", VOID, side=Side.SELL))
    assert held(ledger) == (10, 10, 10, 10)


def test_a_lower_status_changes_nothing() -> None:
    ledger = FillLedger()
    ledger.apply(fill(status=MINED))
    assert ledger.apply(fill()) is FillNews.OLD
    assert ledger.apply(fill(status=RETRYING)) is FillNews.OLD
    assert ledger.status("m", ("t", "A", 0)) is MINED
    assert held(ledger) == (0, 10, 10, 0)


def test_a_void_fill_is_taken_back_once() -> None:
    ledger = FillLedger()
    ledger.apply(fill(fee_e6=70))
    assert ledger.total.fees_e10 == 700_000
    assert ledger.apply(fill(status=VOID)) is FillNews.VOIDED
    assert ledger.apply(fill(status=VOID)) is FillNews.OLD
    assert ledger.apply(fill(status=CONFIRMED)) is FillNews.OLD
    assert held(ledger) == (0, 0, 0, 0)
    assert ledger.total.booked_e10 == ledger.total.fees_e10 == ledger.total.provisional_n == 0


def test_what_is_void_when_first_heard_of_never_counts() -> None:
    ledger = FillLedger()
    assert ledger.apply(fill(status=VOID)) is FillNews.STILLBORN
    assert ledger.apply(fill()) is FillNews.OLD
    assert held(ledger) == (0, 0, 0, 0)


def test_a_confirmed_fill_that_turns_void_is_counted_as_odd() -> None:
    ledger = FillLedger()
    ledger.apply(fill(status=CONFIRMED))
    assert ledger.apply(fill(status=VOID)) is FillNews.VOIDED
    assert held(ledger) == (0, 0, 0, 0)
    assert ledger.counts == {"confirmed_fill_void": 1}


def test_orders_and_legs_of_one_trade_are_fills_of_their_own() -> None:
    ledger = FillLedger()
    for order, leg in (("A", 0), ("A", 1), ("B", 0), ("A", 0)):
        ledger.apply(fill(order=order, leg=leg))
    assert held(ledger)[2] == 30
    assert len(ledger) == len(ledger.fills("m")) == 3


def test_amounts_that_differ_are_those_told_first() -> None:
    ledger = FillLedger()
    ledger.apply(fill())
    ledger.apply(fill(status=CONFIRMED)._replace(size_e6=SHARE))
    assert held(ledger) == (10, 10, 10, 10)
    assert ledger.counts == {"fill_differs": 1}


def test_fees_are_paid_beside_the_price() -> None:
    ledger = FillLedger()
    ledger.apply(fill("b", CONFIRMED, fee_e6=100))
    ledger.apply(fill("s", CONFIRMED, side=Side.SELL, fee_e6=100))
    assert ledger.total.confirmed_e10 == -2_000_000
    assert ledger.account("m").fees_e10 == 2_000_000


def test_only_settled_pairs_may_be_merged() -> None:
    ledger = FillLedger()
    ledger.apply(fill("u", CONFIRMED))
    ledger.apply(fill("d", MINED, token=Token.DOWN))
    assert ledger.pairs_confirmed_e6("m") == 0
    ledger.apply(fill("d", CONFIRMED, token=Token.DOWN))
    assert ledger.pairs_confirmed_e6("m") == 10 * SHARE
    ledger.apply(fill("s", side=Side.SELL)._replace(size_e6=4 * SHARE))
    assert ledger.pairs_confirmed_e6("m") == 6 * SHARE
    ledger.merge("m", 6 * SHARE)
    assert held(ledger) == (0, 4, 0, 4)
    assert held(ledger, Token.DOWN) == (4, 4, 4, 4)


def test_a_correction_counts_once() -> None:
    ledger = FillLedger()
    shares = Correction("c1", "m", Token.UP, 0, 3 * SHARE, 5)
    cash = Correction("c2", "", None, 0, 100, 5)
    assert [ledger.correct(shares), ledger.correct(shares)] == [True, False]
    assert [ledger.correct(cash), ledger.correct(cash)] == [True, False]
    assert held(ledger) == (3, 3, 3, 3)
    assert ledger.total.confirmed_e10 == 1_000_000


def test_a_forgotten_market_leaves_its_cash_and_a_stone() -> None:
    ledger = FillLedger()
    ledger.apply(fill(status=CONFIRMED))
    ledger.apply(fill("p", side=Side.SELL))
    ledger.settle("m", 5 * SHARE)
    ledger.forget("m")
    ledger.settle("m", 5 * SHARE)
    assert len(ledger) == 0
    assert ledger.is_forgotten("m")
    assert ledger.apply(fill("late")) is FillNews.OLD
    assert held(ledger) == (0, 0, 0, 0)
    assert ledger.total.booked_e10 == ledger.total.confirmed_e10 == 5 * SHARE * 10_000
    assert ledger.total.provisional_n == 0


def test_it_stays_within_its_bounds() -> None:
    ledger = FillLedger()
    for i in range(3 * FORGOTTEN_MAX):
        ledger.apply(fill(market=str(i)))
        ledger.forget(str(i))
    assert len(ledger._forgotten) == FORGOTTEN_MAX
    for i in range(2 * ENTRIES_MAX):
        ledger.correct(Correction(str(i), "", None, 0, 1, i))
    assert len(ledger._entries[""]) == ENTRIES_MAX


@pytest.mark.parametrize("seed", range(20))
def test_the_sums_are_those_of_the_fills_as_they_stand(seed: int) -> None:
    random_ = random.Random(seed)
    ledger = FillLedger()
    statuses: dict[str, Settlement] = {}
    sides = {str(i): random_.choice(tuple(Side)) for i in range(8)}
    for _ in range(60):
        trade, status = random_.choice(list(sides)), random_.choice(tuple(Settlement))
        statuses[trade] = max(statuses.get(trade, status), status)
        ledger.apply(fill(trade, status, side=sides[trade], fee_e6=3))
    low = high = confirmed = cash = 0
    for trade, status in statuses.items():
        sign = 1 if sides[trade] is Side.BUY else -1
        stands = 10 * sign if status is not VOID else 0
        is_final = status in (CONFIRMED, VOID)
        low += stands if is_final else min(stands, 0)
        high += stands if is_final else max(stands, 0)
        confirmed += stands if is_final else 0
        cash += (-sign * 40_000_000_000 - 30_000) if stands else 0
    at = ledger.position("m", Token.UP)
    shares = (at.low_e6, at.high_e6, at.confirmed_e6)
    assert shares == (low * SHARE, high * SHARE, confirmed * SHARE), f"seed {seed}"
    assert ledger.total.booked_e10 == cash, f"seed {seed}"
