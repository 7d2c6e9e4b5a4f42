"""Balances compared with the ledger: what is corrected, what is told, and what is no difference."""

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_life import Life, Order
from polymm.engine.phases import Phase
from polymm.engine.records import MarketKnown
from polymm.engine.recovered import REMEMBER_NS, Recovered
from polymm.engine.restoring import restore
from tests.support.proving_scene import START_NS, Scene, make_market
from tests.support.proving_venue import CASH, MARKET, TEN


def ready(scene: Scene) -> bool:
    return scene.phase is Phase.READY


def holding(scene: Scene, up_e6: int, cash_e6: int = CASH) -> None:
    now_ns = scene.now_ns
    shares = ((MARKET, Token.UP, up_e6), (MARKET, Token.DOWN, 0))
    scene.tell(ev.BalancesRead(cash_e6, shares, now_ns, now_ns))


def test_shares_that_no_fill_explains_correct_the_ledger_and_only_reduce() -> None:
    scene = Scene()
    scene.venue.shares[MARKET, Token.DOWN] = 3 * TEN
    scene.start_ready()
    corrections = [entry for _, entry in scene.asked(ev.Correction) if entry.token is not None]
    assert [(entry.token, entry.delta_e6) for entry in corrections] == [(Token.DOWN, 3 * TEN)]
    assert scene.alarms() == ["balance_differs"]
    assert scene.gate.is_reduce_only(MARKET)
    assert not scene.gate.is_reduce_only("0xother")
    assert scene.fills.position(MARKET, Token.DOWN).confirmed_e6 == 3 * TEN
    scene.run(100)
    assert scene.alarms() == ["balance_differs"]


def test_shares_of_a_market_that_ends_during_the_start_are_compared_too() -> None:
    scene = Scene()
    scene.venue.shares[MARKET, Token.DOWN] = 3 * TEN
    ended = make_market(start_ns=scene.now_ns - 299 * NS)
    scene.reconciler.add_market(scene.now_ns, ended, 5 * NS)
    scene.start()
    scene.later(2 * NS, lambda: scene.tell(ev.MarketClosed(MARKET)))
    scene.run_until(lambda: ready(scene))
    assert scene.fills.position(MARKET, Token.DOWN).confirmed_e6 == 3 * TEN
    scene.venue.shares.clear()  # redeemed
    scene.run(100)
    assert scene.alarms() == ["balance_differs"]


def test_a_merge_of_an_earlier_process_cannot_hide_behind_what_is_not_settled() -> None:
    scene = Scene()
    bought = scene.fill("0xbought")
    mined = bought._replace(trade="t-mined", token=Token.DOWN, status=ev.Settlement.MINED)
    scene.fills.apply(bought)
    scene.fills.apply(bought._replace(trade="t-down", token=Token.DOWN))
    scene.fills.apply(mined)
    # All pairs were merged, and what is mined came afterwards.
    scene.venue.shares.update({(MARKET, Token.UP): 0, (MARKET, Token.DOWN): TEN})
    scene.reconciler.add_market(scene.now_ns, make_market(), 5 * NS)
    scene.start()
    scene.later(12 * NS, mined._replace(status=ev.Settlement.CONFIRMED))
    assert scene.run_until(lambda: ready(scene)) > 12
    assert scene.fills.position(MARKET, Token.UP).confirmed_e6 == 0
    assert scene.fills.position(MARKET, Token.DOWN).confirmed_e6 == TEN


def test_rounding_is_no_difference() -> None:
    scene = Scene()
    scene.venue.shares[MARKET, Token.DOWN] = 10_000
    scene.start_ready()
    assert scene.alarms() == []


def test_cash_is_taken_over_at_a_start() -> None:
    scene = Scene()
    scene.start_ready()
    assert scene.fills.total.confirmed_e10 == CASH * 10_000
    assert scene.alarms() == []


def test_shares_that_were_redeemed_before_a_start_are_paid_once() -> None:
    scene = Scene()
    scene.fills.correct(ev.Correction("earlier", "", None, 0, CASH, scene.now_ns))
    scene.fills.apply(scene.fill("0xbought"))
    # An earlier process was paid, and its journal lost that it was.
    scene.venue.shares.clear()
    scene.venue.cash_e6 += TEN
    scene.start_ready()
    assert scene.fills.total.confirmed_e10 == scene.venue.cash_e6 * 10_000
    scene.tell(ev.MarketSettled(MARKET, TEN))
    assert scene.fills.total.confirmed_e10 == scene.venue.cash_e6 * 10_000


def test_what_a_forgotten_market_cost_cannot_hide_behind_what_is_not_settled() -> None:
    scene = Scene()
    ended = make_market("0xold", start_ns=scene.now_ns - REMEMBER_NS - 400 * NS)
    lost = scene.fill("0xlost", "0xold")
    bought = scene.fill("0xbought")
    sold = bought._replace(trade="sale", side=Side.SELL, status=ev.Settlement.MINED)
    known = Recovered()
    for record in (
        ev.Correction("earlier", "", None, 0, CASH, scene.now_ns),
        MarketKnown(ended, ended.start_ns),
        lost,
        ev.MarketSettled("0xold", 0),
        MarketKnown(make_market(), scene.now_ns),
        bought,
        sold,
    ):
        known.apply(record)
    known.apply(known.checkpoint())
    assert list(known.markets) == [MARKET]
    restore(scene.now_ns, known, scene.orders, scene.fills)
    # The sale is in the balances, and told as settled later.
    scene.venue.fills.clear()
    scene.venue.shares.clear()
    scene.venue.cash_e6 = CASH - TEN // 2
    scene.later(10 * NS, sold._replace(status=ev.Settlement.CONFIRMED))
    scene.start_ready()
    scene.run(120)
    assert scene.alarms() == []
    assert scene.fills.total.confirmed_e10 == scene.venue.cash_e6 * 10_000


@pytest.mark.parametrize("came_e6", [0, 7_000_000])
@pytest.mark.parametrize("is_paid", [False, True])
def test_proceeds_that_are_not_settled_at_a_start_are_counted_once(
    came_e6: int, is_paid: bool
) -> None:
    scene = Scene()
    scene.fills.correct(ev.Correction("earlier", "", None, 0, CASH, scene.now_ns))
    bought = scene.fill("0xbought")
    scene.fills.apply(bought)
    sold = bought._replace(trade="sale", side=Side.SELL, status=ev.Settlement.MINED)
    scene.fills.apply(sold)
    scene.venue.cash_e6 = CASH - TEN // 2 + came_e6 + (TEN // 2 if is_paid else 0)
    scene.venue.shares[MARKET, Token.UP] = 0 if is_paid else TEN

    def pay() -> None:
        scene.venue.cash_e6 = CASH + came_e6
        scene.venue.shares[MARKET, Token.UP] = 0

    scene.later(9 * NS, pay)
    scene.later(10 * NS, sold._replace(status=ev.Settlement.CONFIRMED))
    scene.start_ready()
    scene.run(120)
    assert scene.alarms() == []
    assert scene.fills.total.confirmed_e10 == (CASH + came_e6) * 10_000


def test_balances_that_come_late_correct_nothing() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    told = scene.fill("0xa")
    scene.venue.shares.clear()
    scene.venue.cash_e6 = CASH
    scene.tell(told)
    scene.run(45)
    scene.venue.shares[MARKET, Token.UP] = TEN
    scene.venue.cash_e6 = CASH - TEN // 2
    scene.run(120)
    assert scene.alarms() == []
    assert len(scene.asked(ev.Correction)) == 1


def test_a_balance_that_comes_late_into_a_recovery_corrects_nothing() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    scene.tell(scene.fill("0xa"))
    scene.venue.shares[MARKET, Token.UP] = 0
    scene.reconciler.resync(scene.now_ns, "stall")
    scene.later(20 * NS, lambda: scene.venue.shares.update({(MARKET, Token.UP): TEN}))
    assert scene.run_until(lambda: ready(scene)) > 20
    assert scene.alarms() == []
    assert len(scene.asked(ev.Correction)) == 1


def test_cash_from_outside_does_not_hold_a_recovery_up() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.cash_e6 += 5_000_000
    scene.reconciler.resync(scene.now_ns, "stall")
    assert scene.run_until(lambda: ready(scene)) < 4
    scene.venue.cash_e6 -= 6_000_000
    scene.reconciler.resync(scene.now_ns, "stall")
    assert scene.run_until(lambda: ready(scene), 90.0) > 60
    assert scene.alarms() == ["balance_differs"]


def test_nothing_is_corrected_before_all_trades_are_told() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    told = scene.fill("0xa")
    scene.venue.silent.add("ReadTrades")
    scene.reconciler.resync(scene.now_ns, "stall")
    scene.run(90)
    assert "balance_differs" not in scene.alarms()
    scene.venue.silent.clear()
    scene.run_until(lambda: ready(scene))
    assert scene.fills.position(MARKET, Token.UP).confirmed_e6 == told.size_e6
    assert len(scene.asked(ev.Correction)) == 1


def crashed(side: Side, *, cash_e6: int = 0, up_e6: int = 0) -> tuple[Scene, Order]:
    """An order was filled just before a crash: the balances know, the lists of trades not yet."""
    scene = Scene()
    scene.reconciler.add_market(scene.now_ns, make_market(), 5 * NS)
    scene.fills.correct(ev.Correction("cash", "", None, 0, CASH, scene.now_ns))
    scene.fills.correct(ev.Correction("up", MARKET, Token.UP, 0, 2 * TEN, scene.now_ns))
    order = scene.restore("0xa", age_s=1, side=side)
    sign = 1 if side is Side.BUY else -1
    scene.venue.cash_e6 += cash_e6 - sign * TEN // 2
    scene.venue.shares[MARKET, Token.UP] = 2 * TEN + up_e6 + sign * TEN
    told = ev.FillTold(
        "t", "0xa", 0, ev.Settlement.CONFIRMED, MARKET, Token.UP, side, TEN, 5_000 * TEN,
        True, 0, 0, scene.now_ns, scene.now_ns,
    )  # fmt: skip
    scene.later(19 * NS, lambda: scene.venue.fills.append(told))
    scene.start()
    return scene, order


@pytest.mark.parametrize("side", Side)
def test_what_an_order_may_owe_explains_a_balance_until_its_trades_are_told(side: Side) -> None:
    scene, order = crashed(side)
    assert scene.run_until(lambda: ready(scene)) < 16
    assert (order.is_owing, order.reserve_e6) == (True, TEN)
    scene.run(10)
    assert order.life is Life.FILLED
    sign = 1 if side is Side.BUY else -1
    assert scene.fills.position(MARKET, Token.UP).confirmed_e6 == (2 + sign) * TEN
    assert scene.fills.total.confirmed_e10 == 10_000 * scene.venue.cash_e6
    assert not scene.asked(ev.Correction)
    assert not scene.alarms()


@pytest.mark.parametrize("beyond", [{"cash_e6": -TEN}, {"up_e6": 4 * TEN}], ids=["cash", "up"])
def test_what_it_cannot_owe_is_corrected_only_once_its_trades_are_told(
    beyond: dict[str, int],
) -> None:
    scene, order = crashed(Side.BUY, **beyond)
    scene.run(18)
    assert (order.is_owing, scene.phase) == (True, Phase.STARTING)
    assert not scene.asked(ev.Correction)
    assert scene.run_until(lambda: ready(scene)) < 10
    assert order.life is Life.FILLED
    assert len(scene.asked(ev.Correction)) == 1


def test_cash_that_is_missing_for_a_minute_is_told_and_only_reduces() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.cash_e6 -= 20_000
    scene.run(95)
    assert scene.alarms() == ["balance_differs"]
    assert scene.gate.is_reduce_only(MARKET)


def test_cash_that_came_from_outside_is_taken_over_quietly() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.cash_e6 += 5_000_000
    scene.run(95)
    assert scene.alarms() == []
    assert scene.fills.total.confirmed_e10 == (CASH + 5_000_000) * 10_000


def test_the_same_reads_make_the_same_entry() -> None:
    entries = []
    for _ in range(2):
        scene = Scene()
        scene.venue.shares[MARKET, Token.DOWN] = 3 * TEN
        scene.start_ready()
        entries.append([entry for _, entry in scene.asked(ev.Correction)])
        assert scene.fills.correct(entries[-1][-1]) is False
    assert entries[0] == entries[1]


def test_a_difference_that_changes_begins_to_count_anew() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("ReadBalances")
    for up_e6 in (TEN, 2 * TEN, TEN):
        holding(scene, up_e6)
        scene.run(40)
    assert len(scene.asked(ev.Correction)) == 1
    scene.run(30)
    holding(scene, TEN)
    entries = [entry for _, entry in scene.asked(ev.Correction)]
    assert [entry.delta_e6 for entry in entries[1:]] == [TEN]


def test_a_difference_is_not_corrected_within_a_minute_while_the_account_trades() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("ReadBalances")
    for _ in range(12):
        holding(scene, TEN)
        scene.run(4.9)
    assert len(scene.asked(ev.Correction)) == 1


def test_nothing_is_corrected_while_a_fill_is_not_settled() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    scene.tell(scene.fill("0xa")._replace(status=ev.Settlement.MATCHED))
    scene.venue.fills.clear()
    scene.venue.silent.add("ReadBalances")
    for _ in range(5):
        holding(scene, 3 * TEN)
        scene.run(30)
    assert len(scene.asked(ev.Correction)) == 1


def test_pairs_on_their_way_into_a_merge_are_no_difference() -> None:
    scene = Scene()
    scene.start_ready()
    first = ev.Correction("held", MARKET, Token.UP, 0, TEN, scene.now_ns)
    for token in Token:
        scene.fills.correct(first._replace(correction=f"held {token}", token=token))
    scene.gate.merge_sent(MARKET, TEN)
    scene.venue.silent.add("ReadBalances")
    for _ in range(4):
        holding(scene, 0, CASH + TEN)
        scene.run(30)
    assert len(scene.asked(ev.Correction)) == 1
    assert scene.alarms() == []


def test_an_entry_counts_once() -> None:
    ledger = FillLedger()
    entry = ev.Correction("id", MARKET, Token.UP, 0, TEN, START_NS)
    assert ledger.correct(entry)
    assert not ledger.correct(entry)
    assert ledger.position(MARKET, Token.UP).confirmed_e6 == TEN
