"""A recording played against guests: the book follows it, and guests trade with it."""

from typing import Any

import pytest

from polymm.domain.order import Side, Token
from polymm.errors import InputError
from polymm.exchange.entry import OrderRequest
from polymm.exchange.exchange import SPENDER, Exchange
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.tape_flow import TapeMarkets
from polymm.exchange.windows import WindowSettings
from tests.support.tapes import MS, SHARE, START_S, at, book, change, tape, trade

BIDS = [(0.47, 200), (0.48, 100)]
ASKS = [(0.53, 120), (0.52, 80)]
CASH_E6 = 1_000 * SHARE


class Played:
    """One tape on an exchange, times in ms after the start of its window."""

    def __init__(self, *frames: Any, **more: Any) -> None:
        self.exchange = Exchange()
        recorded = tape(book(0, BIDS, ASKS), *frames, **more)
        self.markets = TapeMarkets(self.exchange, [recorded], WindowSettings())
        self.markets.start(at(-1))
        self.listing = self.markets.windows.by_slug[f"btc-updown-5m-{START_S}"]
        self.guest = self.exchange.ledger.open_wallet("guest")
        self.guest.allow(SPENDER)
        self.exchange.ledger.deposit(self.guest, CASH_E6)
        self.until(0)

    def until(self, ms: float) -> None:
        self.now_ns = round(at(0) + ms * MS)
        self.exchange.advance(self.now_ns)
        self.exchange.audit()

    def buy(self, price: float, shares: int) -> Any:
        number = len(self.exchange.dealing.open)
        request = OrderRequest(
            order_id=f"0x{number:064x}",
            wallet=self.guest,
            owner="guest-key",
            token_id=self.listing.token_id(Token.UP),
            side=Side.BUY,
            maker_amount_e6=round(price * shares * SHARE),
            taker_amount_e6=shares * SHARE,
        )
        return self.exchange.place(self.now_ns, request)

    def sizes(self, side: int) -> dict[int, float]:
        ladder = self.listing.ladder
        found: dict[int, float] = {}
        for order in ladder.orders():
            if order.up_side == side:
                price = order.up_price_e4
                found[price] = found.get(price, 0) + order.open_e6 / SHARE
        return found

    def bought(self) -> float:
        token = self.listing.token_id(Token.UP)
        return (self.guest.balances[token] + self.guest.pending[token]) / SHARE


def test_the_book_is_the_recorded_one() -> None:
    scene = Played(change(10, "BUY", 0.49, 30), change(20, "BUY", 0.48, 60))
    assert scene.sizes(BID) == {4700: 200, 4800: 100}
    assert scene.sizes(ASK) == {5200: 80, 5300: 120}
    scene.until(10)
    assert scene.sizes(BID) == {4700: 200, 4800: 100, 4900: 30}
    scene.until(20)
    assert scene.sizes(BID) == {4700: 200, 4800: 60, 4900: 30}


def test_a_guest_waits_behind_the_recorded_orders_and_is_reached_by_a_recorded_trade() -> None:
    scene = Played(trade(50, "SELL", 0.48, 104), trade(60, "SELL", 0.48, 20))
    scene.buy(0.48, 10)
    scene.until(50)
    assert scene.bought() == 4
    # What the record still has there stands again, now behind the guest.
    assert scene.sizes(BID)[4800] == 106
    scene.until(60)
    assert scene.bought() == 10


def test_a_recorded_quote_that_crosses_a_guest_fills_it_after_the_taker_delay() -> None:
    scene = Played(book(50, [(0.40, 10)], [(0.45, 30)]))
    scene.buy(0.48, 10)
    scene.until(199)
    assert scene.bought() == 0
    scene.until(200)
    assert scene.bought() == 10


def test_a_guest_takes_from_the_recorded_book_which_the_next_frame_restores() -> None:
    scene = Played(change(500, "BUY", 0.40, 1))
    scene.buy(0.52, 50)
    scene.until(151)
    assert scene.bought() == 50
    assert scene.sizes(ASK)[5200] == 30
    scene.until(500)
    assert scene.sizes(ASK)[5200] == 80


@pytest.mark.parametrize(("outcome", "winner"), [("up", Token.UP), ("down", Token.DOWN)])
def test_windows_settle_as_recorded_and_play_the_tape_again(outcome: str, winner: Token) -> None:
    scene = Played(change(10, "BUY", 0.49, 30), outcome=outcome)
    scene.until(330_000)
    assert scene.listing.winner is winner
    following = scene.markets.windows.by_slug[f"btc-updown-5m-{START_S + 300}"]
    assert following.to_beat_e8 == scene.listing.final_e8
    assert following.ladder.best_bid_e4 == 4900
    assert scene.markets.prices["btc"].price_e8(0) > 0


def test_tapes_of_another_length_than_the_windows_are_refused() -> None:
    with pytest.raises(InputError, match=r"as long as the windows, 60 s, were \[300\] s"):
        TapeMarkets(Exchange(), [tape(book(0, BIDS, ASKS))], WindowSettings(length_s=60))


def test_a_bad_frame_is_passed_over() -> None:
    torn = change(10, "BUY", 0.49, 30)._replace(frame=b'{"event_type":"price_ch')
    scene = Played(torn, change(20, "BUY", 0.49, 30))
    scene.until(20)
    assert scene.sizes(BID)[4900] == 30
