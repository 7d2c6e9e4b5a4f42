"""Frames of the user channel, read to the micro-share; own fills by the rule of user-ws notes 3."""

import random
from typing import Any

import orjson
import pytest

from polymm.domain.order import Side
from polymm.venues.polymarket.user_events import (
    OrderChange,
    OrderEvent,
    OwnFill,
    TradeEvent,
    TradeStatus,
    own_fills,
)
from polymm.venues.polymarket.user_reading import read_trade, read_user_frame

KEY = "9180014b-33c8-9240-a14b-bdca11c0a465"
WALLET = "0x1111111111111111111111111111111111111111"
MINE, THEIRS, TAKER = "0xff35", "0xee24", "0x06bc"
UP, DOWN = "52114319501245", "88888888888888"
MARKET = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
MATCHED_S = 1_795_409_000


def order(**changes: Any) -> dict[str, Any]:
    return {
        "event_type": "order",
        "type": "PLACEMENT",
        "id": MINE,
        "owner": KEY,
        "order_owner": KEY,
        "market": MARKET,
        "asset_id": UP,
        "side": "SELL",
        "original_size": "10",
        "size_matched": "0",
        "price": "0.57",
        "associate_trades": None,
        "created_at": "1672290687",
        "expiration": "0",
        "order_type": "GTC",
        "status": "LIVE",
        "timestamp": "1672290687",
    } | changes


def maker(**changes: Any) -> dict[str, Any]:
    return {
        "order_id": MINE,
        "owner": KEY,
        "maker_address": WALLET,
        "matched_amount": "10",
        "price": "0.57",
        "asset_id": UP,
        "side": "SELL",
    } | changes


def trade(*makers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "event_type": "trade",
        "type": "TRADE",
        "id": "28c4",
        "status": "MATCHED",
        "taker_order_id": TAKER,
        "market": MARKET,
        "asset_id": UP,
        "side": "BUY",
        "size": "10",
        "price": "0.57",
        "owner": KEY,
        "transaction_hash": "",
        "match_time": str(MATCHED_S),
        "last_update": str(MATCHED_S),
        "timestamp": str(MATCHED_S * 1_000 + 7),
        "trader_side": "MAKER",
        "maker_orders": list(makers) or [maker()],
    } | changes


def read_one(record: dict[str, Any]) -> OrderEvent | TradeEvent:
    told = read_user_frame(orjson.dumps(record))
    assert told.faults == ()
    (event,) = told.events
    return event


def fills(record: dict[str, Any], *, key: str = KEY, wallet: str = WALLET) -> tuple[OwnFill, ...]:
    return own_fills(read_trade(record), key, {MINE}, wallet)


def test_an_order_event_in_the_documents_shape() -> None:
    assert read_one(order()) == OrderEvent(
        order_id=MINE,
        change=OrderChange.PLACEMENT,
        status="LIVE",
        reason="",
        owner=KEY,
        condition_id=MARKET,
        token_id=UP,
        side=Side.SELL,
        price_e4=5_700,
        size_e6=10_000_000,
        matched_e6=0,
        trade_ids=(),
        stamp_ms=1_672_290_687_000,
    )


def test_times_are_seconds_or_milliseconds_and_sizes_may_be_empty() -> None:
    event = read_one(order(timestamp=1_672_290_687_123, size_matched="", associate_trades=["a"]))
    assert isinstance(event, OrderEvent)
    assert (event.stamp_ms, event.matched_e6) == (1_672_290_687_123, None)
    assert event.trade_ids == ("a",)


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("LIVE", "LIVE", ""),
        (None, "", ""),
        ("ORDER_STATUS_MATCHED", "MATCHED", ""),
        ("CANCELED_MARKET_RESOLVED", "CANCELED_MARKET_RESOLVED", ""),
        ("CANCELED_order couldn't be fully filled.", "CANCELED", "order couldn't be fully filled."),
        (
            "UNMATCHED_invalid post-only order: order crosses book",
            "UNMATCHED",
            "invalid post-only order: order crosses book",
        ),
        ("LIVELY", "", "LIVELY"),
    ],
)
def test_a_status_and_what_follows_it(text: str | None, status: str, reason: str) -> None:
    event = read_one(order(status=text))
    assert isinstance(event, OrderEvent)
    assert (event.status, event.reason) == (status, reason)


@pytest.mark.parametrize("prefix", ["", "TRADE_STATUS_"])
@pytest.mark.parametrize("status", list(TradeStatus))
def test_each_status_of_a_trade(prefix: str, status: TradeStatus) -> None:
    event = read_one(trade(status=prefix + status))
    assert isinstance(event, TradeEvent)
    assert (event.status, event.matched_s) == (status, MATCHED_S)
    assert event.stamp_ms == MATCHED_S * 1_000 + 7


def test_one_bad_row_spoils_no_other() -> None:
    rows = [order(), 7, {"x": 1}, order(side="HOLD"), trade(), {"event_type": "weather"}]
    told = read_user_frame(orjson.dumps(rows))
    assert [type(event) for event in told.events] == [OrderEvent, TradeEvent]
    assert (len(told.faults), told.ignored) == (3, 1)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (order(type="MIRACLE"), "type of an order event"),
        (order(price="0.57001"), "price"),
        (order(price="0,57"), "price"),
        (order(original_size=None), "original_size"),
        (order(id=""), "id"),
        (order(associate_trades="a"), "associate_trades"),
        (order(timestamp="soon"), "timestamp"),
        (trade(status="DREAMT"), "status of a trade"),
        (trade(maker_orders=None), "maker_orders"),
        (trade(maker_orders=[1]), "maker_orders"),
        (trade(maker(side="UP")), "side"),
        (trade(size="1e3"), "size"),
        (trade(size=""), "size"),
        (trade(size="9" * 30), "size"),
        (trade(price="1.01"), "price"),
        (trade(maker(matched_amount="")), "matched_amount"),
        (trade(maker(price="57")), "price"),
        (order(size_matched="1" + "0" * 12), "size_matched"),
        (trade(asset_id=5), "asset_id"),
    ],
)
def test_a_fault_names_what_was_expected(record: dict[str, Any], expected: str) -> None:
    told = read_user_frame(orjson.dumps(record))
    assert told.events == ()
    assert str(told.faults[0]).startswith(expected)


@pytest.mark.parametrize("frame", [b"", b"PONG", b"\xff", b"[", b"INVALID OPERATION", b"null"])
def test_other_bytes_are_one_fault(frame: bytes) -> None:
    told = read_user_frame(frame)
    assert (told.events, len(told.faults)) == ((), 1)


def test_any_change_of_a_frame_is_read_or_refused() -> None:
    rng = random.Random(11)
    base = orjson.dumps([order(), trade()])
    for _ in range(2_000):
        frame = bytearray(base)
        for _ in range(rng.randint(1, 4)):
            frame[rng.randrange(len(frame))] = rng.randrange(256)
        told = read_user_frame(bytes(frame))
        assert told.events or told.faults or told.ignored


# Own fills


def test_a_makers_fill_is_its_own_side_and_token() -> None:
    (fill,) = fills(trade())
    assert (fill.order_id, fill.side, fill.token_id) == (MINE, Side.SELL, UP)
    assert (fill.size_e6, fill.cash_e10, fill.price_e4) == (10_000_000, 57_000_000_000, 5_700)
    assert fill.is_maker


@pytest.mark.parametrize(
    ("taker_side", "own_token", "own_side"),
    [
        ("BUY", UP, Side.SELL),
        ("SELL", UP, Side.BUY),
        ("BUY", DOWN, Side.BUY),  # two buys mint a pair
        ("SELL", DOWN, Side.SELL),  # two sells merge one
    ],
)
def test_a_side_that_is_not_told_follows_from_the_match(
    taker_side: str, own_token: str, own_side: Side
) -> None:
    entry = maker(asset_id=own_token)
    del entry["side"]
    (fill,) = fills(trade(entry, side=taker_side))
    assert (fill.side, fill.token_id) == (own_side, own_token)


def test_our_entries_are_found_by_key_order_or_wallet_and_no_others() -> None:
    other = {"order_id": THEIRS, "owner": "someone", "maker_address": "0x2222"}
    by_key = maker(**(other | {"owner": KEY}))
    by_order = maker(**(other | {"order_id": MINE}))
    by_wallet = maker(**(other | {"maker_address": WALLET.upper().replace("0X", "0x")}))
    theirs = maker(**other)

    found = fills(trade(by_key, by_order, by_wallet, theirs))

    assert [fill.order_id for fill in found] == [THEIRS, MINE, THEIRS]
    assert fills(trade(theirs)) == ()
    assert fills(trade(maker(**(other | {"maker_address": ""}))), wallet="") == ()


def test_a_takers_cash_is_the_sum_of_its_makers() -> None:
    # 4 at 0.57 from a seller, 6 minted with a buyer of Down at 0.45: 0.55 each.
    record = trade(
        maker(order_id=THEIRS, owner="x", maker_address="y", matched_amount="4"),
        maker(
            order_id="0x2",
            owner="x",
            maker_address="y",
            matched_amount="6",
            asset_id=DOWN,
            price="0.45",
            side="BUY",
        ),
        price="0.558000000000001",
        trader_side="TAKER",
    )
    (fill,) = fills(record)
    assert (fill.order_id, fill.side, fill.is_maker) == (TAKER, Side.BUY, False)
    assert fill.cash_e10 == 4_000_000 * 5_700 + 6_000_000 * 5_500
    assert fill.price_e4 == 5_580


def test_a_takers_cash_without_makers_is_its_price() -> None:
    record = trade(trader_side="TAKER", price="0.333333333333", size="3", maker_orders=[])
    (fill,) = fills(record)
    assert fill.cash_e10 == 3_000_000 * 333_333 // 100


def test_who_meets_himself_books_both_sides() -> None:
    found = fills(trade(trader_side="TAKER"))
    assert [(fill.side, fill.is_maker) for fill in found] == [(Side.BUY, False), (Side.SELL, True)]


# Every fill once


def test_ids_are_one_in_any_case() -> None:
    shouted = trade(maker(order_id=MINE.upper(), owner="?", maker_address="?"))
    (fill,) = fills(shouted)
    assert fill.order_id == MINE
    event = read_one(order(id=MINE.upper(), market=MARKET.upper()))
    assert isinstance(event, OrderEvent)
    assert (event.order_id, event.condition_id) == (MINE, MARKET)
