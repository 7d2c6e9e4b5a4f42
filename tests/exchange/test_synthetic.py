"""Synthetic traders on the exchange: rolling windows that live, settle and conserve everything."""

import json
from collections import Counter

import numpy as np
import pytest

from polymm._core import layout
from polymm._core.decode import Decoder
from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange.entry import OrderRequest
from polymm.exchange.exchange import SPENDER, Exchange
from polymm.exchange.faults import Fault
from polymm.exchange.flow_settings import FlowSettings
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.prices import CoinPrices
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules
from polymm.exchange.synthetic import SyntheticMarkets
from polymm.exchange.windows import WindowSettings

T0_NS = 1_800_000_000 * NS
QUICK = Rules(retire_after_s=6, rebate_min_e6=1)


def open_place(seed: int = 3, coins: tuple[str, ...] = ("btc",), **more):
    exchange = Exchange(rules=QUICK, seed=seed)
    settings = WindowSettings(length_s=6, coins=coins, **more)
    place = SyntheticMarkets(exchange, settings, seed=seed, start_ns=T0_NS)
    place.start(T0_NS)
    return exchange, place


def run(exchange: Exchange, seconds: float, step_ms: int = 100) -> list[MarketMessage]:
    messages = []
    end_ns = exchange.timers.now_ns + round(seconds * NS)
    while exchange.timers.now_ns < end_ns:
        exchange.advance(min(exchange.timers.now_ns + step_ms * 1_000_000, end_ns))
        messages += [m for m in exchange.drain() if isinstance(m, MarketMessage)]
    return messages


def test_same_seed_gives_the_same_messages_however_often_it_is_asked():
    first, second = ([m.payload for m in run(open_place()[0], 8, step_ms)] for step_ms in (100, 7))
    assert first == second
    assert [m.payload for m in run(open_place(4)[0], 2)] != first[:10]


def test_two_coins_trade_settle_and_conserve():
    exchange, place = open_place(coins=("btc", "eth"))
    messages = run(exchange, 14)
    exchange.audit()
    kinds = Counter(json.loads(m.payload)["event_type"] for m in messages)
    assert kinds["price_change"] > 3_000
    assert kinds["last_trade_price"] > 100
    assert kinds["market_resolved"] == 4
    assert exchange.ledger.fees_e6 > 0
    for coin in ("btc", "eth"):
        listing = place.windows.by_slug[f"{coin}-updown-6s-1800000006"]
        prices = place.prices[coin]
        assert listing.to_beat_e8 == prices.twap_e8(T0_NS + 6 * NS, 1_200_000_000)
        assert listing.winner is Token(int(listing.final_e8 < listing.to_beat_e8))


def test_frames_are_understood_and_books_agree_with_the_exchange():
    exchange, place = open_place()
    listing = place.windows.by_slug["btc-updown-6s-1800000006"]
    decoder = Decoder()
    slot = decoder.add_market(*listing.pool.tokens)
    for token in Token:
        decoder.feed(listing.writer.dump(token, 0).encode())
    flags = 0
    for message in run(exchange, 10):
        if message.condition_id == listing.condition_id and not message.is_custom:
            flags |= decoder.feed(message.payload)
    book = decoder.book(slot)
    assert flags & layout.TRADE
    assert not flags & (layout.MISMATCH | layout.CROSSED | layout.FOREIGN)
    assert book.best_bid_e4 == listing.ladder.best_bid_e4
    for side in (0, 1):
        levels = dict(book.levels(side))
        assert sorted(levels) == listing.ladder.prices[side]
        assert all(listing.ladder.size_e6(side, p) == size for p, size in levels.items())


@pytest.mark.parametrize("seed", range(2))
def test_guests_trade_among_them_and_nothing_is_lost(seed):
    exchange, _ = open_place(seed)
    guests = [exchange.ledger.open_wallet(f"guest {i}") for i in range(2)]
    for guest in guests:
        guest.allow(SPENDER)
        exchange.ledger.deposit(guest, 10_000_000_000)
    for fault in (Fault.TRADE_FAILED, Fault.FILL_SHORT, Fault.TRADE_RETRIED):
        exchange.faults.set(fault, 0.05)
    rng, number = np.random.default_rng(seed), 0
    for step in range(120):
        run(exchange, 0.1)
        open_now = [item for item in exchange.listings.values() if item.accepting][:1]
        for guest in guests if open_now else ():
            listing, number = open_now[0], number + 1
            token = Token(int(rng.integers(2)))
            cents = int(rng.integers(30, 71))
            request = OrderRequest(
                order_id=f"0x{number:064x}",
                wallet=guest,
                owner=guest.address,
                token_id=listing.token_id(token),
                side=Side.BUY,
                maker_amount_e6=cents * 200_000,
                taker_amount_e6=20_000_000,
            )
            exchange.place(exchange.timers.now_ns, request)
            if number % 7 == 0:
                exchange.cancel_where(exchange.timers.now_ns, guest.address)
        if step % 20 == 0:
            exchange.audit()
    run(exchange, 18)
    exchange.audit()
    assert list(exchange.clearing.trades(guests[0].address)) == []  # retired with their markets
    assert not any(order.owner for order, _ in exchange.dealing.open.values())
    assert {guest.balances["cash"] for guest in guests} != {10_000_000_000}


def test_nothing_is_left_of_windows_that_are_gone():
    exchange, place = open_place()
    sizes = []
    for _ in range(5):
        run(exchange, 6)
        wallets = exchange.ledger.wallets.values()
        sizes.append(
            (
                len(exchange.listings),
                len(place.windows.by_slug),
                len(wallets),
                max(len(wallet.balances) for wallet in wallets),
                len(place.prices["btc"]._logs),
            )
        )
    assert sizes[-1][:2] == sizes[-2][:2]
    assert sizes[-1][2:4] == sizes[-3][2:4]
    assert sizes[-1][4] <= sizes[0][4] + 6 * 20 * 3


def test_path_of_prices_does_not_depend_on_who_asks_when():
    settings = FlowSettings()
    one, other = (CoinPrices(1, "btc", settings, T0_NS) for _ in range(2))
    last = one.price_e8(T0_NS + 600 * NS)
    for second in range(600):
        other.price_e8(T0_NS + second * NS)
    other.forget(T0_NS + 500 * NS)
    assert other.price_e8(T0_NS + 600 * NS) == last
    assert CoinPrices(1, "eth", settings, T0_NS).price_e8(T0_NS) != one.price_e8(T0_NS)


def test_average_holds_the_samples_after_its_own_start():
    prices = CoinPrices(1, "btc", FlowSettings(), T0_NS)
    samples = [prices.price_e8(T0_NS - i * 50_000_000) for i in range(24)]
    assert prices.twap_e8(T0_NS, 1_200_000_000) == sum(samples) // 24
    assert prices.twap_e8(T0_NS + 49_999_999, 1_200_000_000) == sum(samples) // 24


def test_final_price_of_a_window_is_the_next_ones_price_to_beat():
    prices = CoinPrices(1, "btc", FlowSettings(), T0_NS)
    first = prices.window(T0_NS, T0_NS + 300 * NS, 60 * NS)
    second = prices.window(T0_NS + 300 * NS, T0_NS + 600 * NS, 60 * NS)
    assert first.price_final == second.price_to_beat
    assert first.fairs[-1] == float(first.outcome == "up")
    assert first.prices[-1] == second.prices[0]
    assert len(first.fairs) == 300 * 20 + 1


def test_odds_of_rolling_windows_come_true():
    prices = CoinPrices(11, "btc", FlowSettings(), T0_NS)
    expected, hits = 0.0, 0
    for i in range(150):
        start_ns = T0_NS + i * 60 * NS
        window = prices.window(start_ns, start_ns + 60 * NS, 12 * NS)
        expected += window.fair_at(start_ns + 20 * NS)
        hits += window.outcome == "up"
        prices.forget(start_ns)
    assert abs(hits - expected) < 3 * np.sqrt(150 * 0.2)


def test_a_full_wallet_is_not_needed_to_be_refused():
    exchange, place = open_place()
    poor = exchange.ledger.open_wallet("poor")
    poor.allow(SPENDER)
    listing = next(iter(place.windows.by_slug.values()))
    request = OrderRequest(
        order_id="0x1",
        wallet=poor,
        owner="poor",
        token_id=listing.token_id(Token.UP),
        side=Side.SELL,
        maker_amount_e6=5_000_000,
        taker_amount_e6=2_500_000,
    )
    assert isinstance(exchange.place(T0_NS, request), Refusal)
