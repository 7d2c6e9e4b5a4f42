"""The ledger adds up to the micro-dollar, and says so when it does not."""

import random

import pytest

from polymm.domain.order import Place, Side, Token
from polymm.errors import LedgerError
from polymm.exchange.accounts import Account, notional_e6

SHARE = 1_000_000
DOLLAR = 1_000_000


def place(order_id, side, price_e4, size, token=Token.UP):
    return Place(order_id, "m", token, side, price_e4, size * SHARE)


def test_lots_on_the_price_grid_are_whole_micro_dollars():
    assert notional_e6(1, 10_000) == 1  # 0.01 share at 1e-4 dollars
    assert notional_e6(4_800, 100 * SHARE) == 48 * DOLLAR


def test_less_than_a_lot_is_refused_rather_than_rounded():
    with pytest.raises(LedgerError, match="left over"):
        notional_e6(4_801, 1_234)


def test_both_buys_reserve_cash_and_the_one_beyond_it_is_refused():
    account = Account(100 * DOLLAR)
    assert account.reserve(place(1, Side.BUY, 4_800, 100))
    assert account.reserve(place(2, Side.BUY, 5_000, 100, Token.DOWN))
    assert account.free_cash_e6 == 2 * DOLLAR
    assert not account.reserve(place(3, Side.BUY, 5_000, 5))
    assert account.reserved_e6 == 98 * DOLLAR
    account.audit()


def test_a_sell_locks_held_shares_only():
    account = Account(100 * DOLLAR)
    assert not account.reserve(place(1, Side.SELL, 5_000, 5))
    account.reserve(place(2, Side.BUY, 5_000, 10))
    account.fill(2, 10 * SHARE)
    assert account.reserve(place(3, Side.SELL, 6_000, 8))
    assert not account.reserve(place(4, Side.SELL, 6_000, 3))
    account.fill(3, 8 * SHARE)
    assert account.cash_e6 == 100 * DOLLAR - 5 * DOLLAR + 4_800_000
    account.audit()


def test_partial_fill_then_release_returns_the_rest():
    account = Account(100 * DOLLAR)
    account.reserve(place(1, Side.BUY, 4_000, 50))
    account.fill(1, 20 * SHARE)
    assert (account.cash_e6, account.reserved_e6) == (92 * DOLLAR, 12 * DOLLAR)
    account.release(1)
    assert account.reserved_e6 == 0
    account.audit()


def test_pairs_on_their_way_to_cash_back_nothing_else():
    account = Account(100 * DOLLAR)
    for order_id, token in enumerate(Token):
        account.reserve(place(order_id, Side.BUY, 4_500, 30, token))
        account.fill(order_id, 30 * SHARE)
    assert account.merge_begin(20 * SHARE)
    assert not account.merge_begin(11 * SHARE)
    assert not account.reserve(place(9, Side.SELL, 5_000, 11))
    account.merge_finish(20 * SHARE)
    assert account.cash_e6 == 100 * DOLLAR - 27 * DOLLAR + 20 * DOLLAR
    assert account.shares_e6 == [10 * SHARE, 10 * SHARE]
    account.audit()


def test_settlement_pays_the_winner_only():
    account = Account(100 * DOLLAR)
    account.reserve(place(1, Side.BUY, 4_800, 100))
    account.fill(1, 100 * SHARE)
    account.settle(up_wins=True)
    assert account.cash_e6 == 152 * DOLLAR
    account.audit()


def test_settlement_over_an_open_order_is_an_error():
    account = Account(100 * DOLLAR)
    account.reserve(place(1, Side.BUY, 4_800, 100))
    with pytest.raises(LedgerError, match="1 open orders"):
        account.settle(up_wins=True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a: a.fill(1, 101 * SHARE),
        lambda a: a.fill(2, SHARE),
        lambda a: a.fill(1, 0),
        lambda a: a.release(2),
        lambda a: a.merge_finish(SHARE),
        lambda a: a.reserve(place(1, Side.BUY, 100, 1)),
    ],
)
def test_impossible_bookings_are_errors(wrong):
    account = Account(100 * DOLLAR)
    account.reserve(place(1, Side.BUY, 4_800, 100))
    with pytest.raises(LedgerError):
        wrong(account)


@pytest.mark.parametrize("field", ["cash_e6", "reserved_e6"])
def test_audit_finds_a_single_micro_dollar(field):
    account = Account(100 * DOLLAR)
    account.reserve(place(1, Side.BUY, 4_800, 100))
    account.fill(1, 10 * SHARE)
    account.audit()
    setattr(account, field, getattr(account, field) + 1)
    with pytest.raises(LedgerError, match=field):
        account.audit()


def test_random_life_always_audits():
    for seed in range(50):
        rng = random.Random(seed)
        account = Account(1_000 * DOLLAR)
        open_orders = {}
        for order_id in range(200):
            token, side = rng.choice(list(Token)), rng.choice(list(Side))
            price, lots = rng.randrange(1, 10_000), rng.randrange(1, 9_999)
            order = Place(order_id, "m", token, side, price, lots * 10_000)
            if account.reserve(order):
                open_orders[order_id] = order.size_e6
            if open_orders and rng.random() < 0.7:
                k = rng.choice(list(open_orders))
                size = rng.randrange(1, open_orders[k] // 10_000 + 1) * 10_000
                account.fill(k, size)
                open_orders[k] -= size
                if not open_orders[k]:
                    del open_orders[k]
            if open_orders and rng.random() < 0.3:
                k = rng.choice(list(open_orders))
                account.release(k)
                del open_orders[k]
            pairs = min(account.free_shares_e6(t) for t in Token)
            if pairs and rng.random() < 0.2 and account.merge_begin(pairs):
                account.merge_finish(pairs)
            account.audit()
        for k in open_orders:
            account.release(k)
        account.settle(up_wins=rng.random() < 0.5)
        account.audit()
        assert account.reserved_e6 == 0, f"seed {seed}"
