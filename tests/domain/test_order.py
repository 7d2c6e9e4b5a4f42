"""The table of legal transitions, cell by cell, and prices in Up terms."""

from itertools import product

import pytest

from polymm.domain.order import (
    NEXT_STATE,
    Fill,
    OrderEvent,
    OrderState,
    Place,
    Side,
    Token,
)

N, W, P, C, D = OrderState
FATES = {
    # event: the state it leads to from PENDING_NEW, WORKING, PENDING_CANCEL, CLOSING, DONE
    OrderEvent.ACCEPTED: (W, W, P, C, None),
    OrderEvent.REJECTED: (D, None, D, None, None),
    OrderEvent.FILLED_PART: (W, W, P, C, None),
    OrderEvent.FILLED_ALL: (D, D, D, D, None),
    OrderEvent.CANCEL_SENT: (P, P, P, None, None),
    OrderEvent.CANCEL_REFUSED: (None, None, P, C, None),
    OrderEvent.CANCELLED: (D, D, D, None, None),
    OrderEvent.CANCELLED_OWING: (C, C, C, None, None),
}


@pytest.mark.parametrize(("state", "event"), list(product(OrderState, OrderEvent)))
def test_every_cell_of_the_table_is_as_written(state: OrderState, event: OrderEvent) -> None:
    assert NEXT_STATE.get((state, event)) == FATES[event][state]


def test_nothing_leaves_done() -> None:
    assert not [cell for cell in NEXT_STATE if cell[0] is OrderState.DONE]


def test_done_can_be_reached_from_every_state() -> None:
    for state in (N, W, P, C):
        assert D in {NEXT_STATE.get((state, event)) for event in OrderEvent}


def test_a_sent_or_refused_cancel_never_ends_an_order() -> None:
    for state in OrderState:
        for event in (OrderEvent.CANCEL_SENT, OrderEvent.CANCEL_REFUSED):
            assert NEXT_STATE.get((state, event)) is not D


@pytest.mark.parametrize(
    ("token", "side", "sign", "up_price_e4"),
    [
        (Token.UP, Side.BUY, 1, 4_700),
        (Token.UP, Side.SELL, -1, 4_700),
        (Token.DOWN, Side.BUY, -1, 5_300),
        (Token.DOWN, Side.SELL, 1, 5_300),
    ],
)
def test_orders_and_fills_agree_on_their_side_in_up_terms(
    token: Token, side: Side, sign: int, up_price_e4: int
) -> None:
    place = Place(1, "m", token, side, 4_700, 5_000_000)
    fill = Fill(1, 1, "m", token, side, 4_700, 5_000_000, 0, 0)
    assert (place.sign, place.up_price_e4) == (sign, up_price_e4)
    assert (fill.sign, fill.up_price_e4) == (sign, up_price_e4)
