"""Shares, cash and marks in integers: what is reserved is not given away twice."""

from dataclasses import replace

from polymm.domain.inventory import Inventory, Portfolio
from polymm.domain.order import Fill, Side, Token

BOUGHT_UP = Fill(1, 1, "m", Token.UP, Side.BUY, 4_800, 10_000_000, 0, 0)


def test_more_sold_than_held_goes_below_zero_and_is_not_hidden() -> None:
    inventory = Inventory()
    inventory.apply_fill(replace(BOUGHT_UP, side=Side.SELL))
    assert inventory.up_e6 == -10_000_000
    assert inventory.mergeable_e6() == 0
    assert inventory.sellable_up_e6() == 0


def test_a_fill_taken_back_leaves_no_trace() -> None:
    for token in Token:
        for side in Side:
            inventory = Inventory(up_e6=3, down_e6=4, cash_e10=5)
            fill = replace(BOUGHT_UP, token=token, side=side, fee_e6=9)
            inventory.apply_fill(fill)
            inventory.revert_fill(fill)
            assert inventory == Inventory(up_e6=3, down_e6=4, cash_e10=5)


def test_a_merge_nobody_asked_for_moves_nothing() -> None:
    inventory = Inventory(up_e6=5, down_e6=5)
    assert not inventory.apply_merged(5)
    assert inventory == Inventory(up_e6=5, down_e6=5)


def test_more_merged_than_asked_for_moves_nothing() -> None:
    inventory = Inventory(up_e6=9, down_e6=9)
    inventory.begin_merge(5)
    assert not inventory.apply_merged(6)
    assert not inventory.apply_merged(0)
    assert inventory.merging_e6 == 5


def test_shares_behind_open_sells_are_not_merged() -> None:
    assert Inventory(up_e6=10, down_e6=8).mergeable_e6(selling_up_e6=4) == 6


def test_pairs_on_their_way_into_a_merge_are_neither_merged_again_nor_sold() -> None:
    inventory = Inventory(up_e6=10, down_e6=8)
    inventory.begin_merge(6)
    assert inventory.mergeable_e6() == 2
    assert inventory.sellable_up_e6() == 4
    assert inventory.apply_merged(6)
    assert inventory == Inventory(up_e6=4, down_e6=2, cash_e10=60_000)


def test_shares_whose_purchase_is_not_settled_are_not_sold() -> None:
    inventory = Inventory(up_e6=10, unsettled_up_e6=6)
    assert inventory.sellable_up_e6() == 4
    inventory.up_e6 = 5
    assert inventory.sellable_up_e6() == 0


def test_cash_of_odd_sizes_is_exact() -> None:
    inventory = Inventory()
    for n in range(3):
        inventory.apply_fill(replace(BOUGHT_UP, trade_id=n, size_e6=1_333_333, price_e4=3_333))
    assert inventory.cash_e10 == -3 * 1_333_333 * 3_333
    assert inventory.up_e6 == 3_999_999


def test_fees_leave_cash_on_both_sides_of_a_trade() -> None:
    inventory = Inventory()
    inventory.apply_fill(replace(BOUGHT_UP, fee_e6=70))
    inventory.apply_fill(replace(BOUGHT_UP, side=Side.SELL, fee_e6=70))
    assert inventory.cash_e6 == -140


def test_both_tokens_move_their_own_count() -> None:
    inventory = Inventory()
    inventory.apply_fill(BOUGHT_UP)
    inventory.apply_fill(replace(BOUGHT_UP, token=Token.DOWN, price_e4=4_900, size_e6=4_000_000))
    assert (inventory.up_e6, inventory.down_e6) == (10_000_000, 4_000_000)
    assert inventory.cash_e6 == -4_800_000 - 1_960_000


def test_value_takes_a_mid_on_the_half_tick_exactly() -> None:
    # 10 Up and 4 Down at a mid of 0.485.
    assert Inventory(up_e6=10_000_000, down_e6=4_000_000).value_e6(9_700) == 6_910_000


def test_a_hedged_pair_is_worth_a_dollar_at_any_price() -> None:
    assert {Inventory(up_e6=7, down_e6=7).value_e6(x2) for x2 in range(2, 20_000, 7)} == {7}


def test_the_portfolio_sums_marks_and_forgets_settled_markets() -> None:
    portfolio = Portfolio()
    portfolio.mark("a", 5)
    portfolio.mark("b", 7)
    portfolio.mark("a", 6)
    assert portfolio.value_e6 == 13
    portfolio.drop("a")
    portfolio.drop("a")
    assert portfolio.value_e6 == 7
