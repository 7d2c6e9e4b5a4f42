"""What the venue says, as evidence: verdicts by what they prove, fills by whose order they are."""

import random
from dataclasses import replace
from typing import Any

import pytest

from polymm.domain.order import Side, Token
from polymm.engine.evidence import (
    CancelVerdict,
    OrderNews,
    PlaceVerdict,
    Settlement,
)
from polymm.errors import VenueError
from polymm.runtime import venue_words as words
from polymm.venues.polymarket.results import (
    BeatResult,
    BeatState,
    CancelResult,
    CancelState,
    MakerFill,
    PlaceResult,
    PlaceState,
    SweepResult,
    TradeRecord,
)
from polymm.venues.polymarket.user_events import (
    MakerOrder,
    OrderChange,
    OrderEvent,
    TradeEvent,
    TradeStatus,
)
from tests.support.gateways import KEY_ID, MARKET, ORDER_A, ORDER_B, SHARE

TAKER = "0x" + "77" * 32
UP, DOWN = MARKET.up_token, MARKET.down_token


def maker(**changes: Any) -> MakerOrder:
    facts = {
        "order_id": ORDER_A,
        "owner": KEY_ID,
        "wallet": "",
        "token_id": UP,
        "side": Side.BUY,
        "price_e4": 4_800,
        "size_e6": 5 * SHARE,
    }
    return MakerOrder(**facts | changes)


def trade(*makers: MakerOrder, **changes: Any) -> TradeEvent:
    facts = {
        "trade_id": "t1",
        "status": TradeStatus.MATCHED,
        "taker_order_id": TAKER,
        "condition_id": MARKET.condition_id,
        "token_id": UP,
        "side": Side.SELL,
        "price_e6": 480_000,
        "size_e6": 5 * SHARE,
        "is_taker": False,
        "makers": makers,
        "transaction_hash": "",
        "matched_s": 1_795_409_000,
        "stamp_ms": 1_795_409_000_123,
    }
    return TradeEvent(**facts | changes)


def told(event: TradeEvent, *mine: str) -> list[words.FillTold]:
    return words.fills_told(event, MARKET, KEY_ID, mine, 7)


def listed(event: TradeEvent, **changes: Any) -> TradeRecord:
    """The same trade as the listing has it."""
    facts = {
        "trade_id": event.trade_id,
        "status": event.status,
        "condition_id": event.condition_id,
        "token_id": event.token_id,
        "side": event.side,
        "price_e4": event.price_e6 // 100,
        "size_e6": event.size_e6,
        "is_maker": True,
        "taker_order_id": event.taker_order_id,
        "matched_s": event.matched_s,
        "updated_s": 0,
        "transaction_hash": "",
        "fills": tuple(
            MakerFill(
                order_id=one.order_id,
                owner=one.owner,
                maker=one.wallet,
                token_id=one.token_id,
                side=Side.BUY if one.side is None else one.side,
                price_e4=one.price_e4,
                size_e6=one.size_e6,
            )
            for one in event.makers
        ),
    }
    return TradeRecord(**facts | changes)


@pytest.mark.parametrize("state", PlaceState)
def test_every_placement_has_its_verdict_as_of_its_sending(state: PlaceState) -> None:
    result = PlaceResult(
        order_id=ORDER_A, state=state, reason="r", written_ns=3, answered_ns=9, retry_after_ns=4
    )
    answer = words.place_answered(result)
    assert answer == (ORDER_A, PlaceVerdict[state.name], "r", 3, 9, 4)
    assert answer.verdict.is_accepted == result.is_accepted


@pytest.mark.parametrize(
    ("state", "reason", "verdict"),
    [
        (CancelState.CANCELED, "", CancelVerdict.CANCELED),
        (CancelState.NOT_CANCELED, "matched", CancelVerdict.NOT_CANCELED),
        (CancelState.NOT_CANCELED, "not_found", CancelVerdict.NOT_CANCELED),
        # The taker delay and words nobody knows say nothing final: the order is as it was.
        (CancelState.NOT_CANCELED, "delayed", CancelVerdict.REFUSED),
        (CancelState.NOT_CANCELED, "not_canceled", CancelVerdict.REFUSED),
        (CancelState.REJECTED, "throttled", CancelVerdict.REFUSED),
        (CancelState.NOT_SENT, "busy", CancelVerdict.NOT_SENT),
        (CancelState.UNKNOWN, "timeout", CancelVerdict.UNKNOWN),
    ],
)
def test_only_a_terminal_reason_ends_an_order(
    state: CancelState, reason: str, verdict: CancelVerdict
) -> None:
    answer = words.cancel_answered(CancelResult(order_id=ORDER_A, state=state, reason=reason))
    assert (answer.verdict, answer.reason) == (verdict, reason)


def test_a_sweep_and_a_beat_that_never_left_end_now() -> None:
    sweep = SweepResult(state=CancelState.NOT_SENT, not_canceled={ORDER_B: "matched"}, reason="x")
    answer = words.swept("m", sweep, 55)
    assert answer == ("m", CancelVerdict.NOT_SENT, (), (ORDER_B,), "x", 0, 55, 0)
    beat = BeatResult(state=BeatState.REFUSED, reason="unauthorized")
    assert words.beat_answered(beat, 55) == (False, "unauthorized", 0, 55)
    assert words.beat_answered(replace(beat, state=BeatState.ACCEPTED), 55).is_accepted


@pytest.mark.parametrize(
    ("reason", "is_final"),
    [("matched", True), ("not_found", True), ("delayed", False), ("not_canceled", False)],
)
def test_a_sweep_ends_only_orders_that_the_venue_knows_no_more(
    reason: str, *, is_final: bool
) -> None:
    sweep = SweepResult(state=CancelState.CANCELED, not_canceled={ORDER_B: reason})
    assert words.swept("m", sweep, 55).not_canceled == ((ORDER_B,) if is_final else ())


@pytest.mark.parametrize("change", OrderChange)
def test_what_is_not_said_of_a_match_stays_unsaid(change: OrderChange) -> None:
    event = OrderEvent(
        order_id=ORDER_A, change=change, status="LIVE", reason="", owner=KEY_ID,
        condition_id=MARKET.condition_id, token_id=UP, side=Side.BUY, price_e4=4_800,
        size_e6=5 * SHARE, matched_e6=None, trade_ids=(), stamp_ms=12,
    )  # fmt: skip
    answer = words.order_told(event, 99)
    assert answer.news is OrderNews[change.name]
    assert (answer.matched_e6, answer.stamp_ns, answer.recv_ns) == (-1, 12_000_000, 99)
    assert words.order_told(replace(event, matched_e6=0), 99).matched_e6 == 0


def test_token_and_side_are_those_of_our_own_entry() -> None:
    # An Up bid of a stranger meets our Down bid: a pair is minted, we hold Down.
    (fill,) = told(trade(maker(token_id=DOWN, price_e4=5_200), side=Side.BUY))
    assert (fill.token, fill.side) == (Token.DOWN, Side.BUY)
    assert (fill.cash_e10, fill.is_maker, fill.fee_e6) == (5_200 * 5 * SHARE, True, 0)
    assert fill.counter_fee_e6 == MARKET.fees.taker_fee_e6(5_200, 5 * SHARE)
    assert (fill.stamp_ns, fill.recv_ns) == (1_795_409_000_123_000_000, 7)


def test_a_later_status_keeps_the_second_of_the_match() -> None:
    (fill,) = told(trade(maker(), status=TradeStatus.CONFIRMED, stamp_ms=1_795_409_555_000))
    assert fill.status is Settlement.CONFIRMED
    assert fill.stamp_ns == 1_795_409_000 * 10**9


def test_as_taker_we_pay_each_makers_price_and_a_fee() -> None:
    theirs = [maker(owner="x", order_id=ORDER_B), maker(owner="y", order_id="0xy", price_e4=4_700)]
    (fill,) = told(trade(*theirs, size_e6=10 * SHARE), TAKER)
    assert (fill.order, fill.side, fill.is_maker) == (TAKER, Side.SELL, False)
    assert fill.cash_e10 == (4_800 + 4_700) * 5 * SHARE
    assert fill.fee_e6 == MARKET.fees.taker_fee_e6(4_750, 10 * SHARE) > 0
    assert fill.counter_fee_e6 == 0


def test_parts_of_one_order_are_numbered_alike_by_socket_and_listing() -> None:
    parts = [maker(size_e6=size * SHARE) for size in (1, 3, 2)]
    heard = told(trade(*parts, maker(order_id=ORDER_B)))
    assert [(fill.order, fill.leg, fill.size_e6) for fill in heard] == [
        (ORDER_A, 0, 3 * SHARE),
        (ORDER_A, 1, 2 * SHARE),
        (ORDER_A, 2, SHARE),
        (ORDER_B, 0, 5 * SHARE),
    ]
    random.Random(3).shuffle(parts)
    read = words.fills_listed(listed(trade(*parts, maker(order_id=ORDER_B))), MARKET, KEY_ID, (), 7)
    assert [fill.key for fill in read] == [fill.key for fill in heard]
    assert [fill.cash_e10 for fill in read] == [fill.cash_e10 for fill in heard]


@pytest.mark.parametrize("status", TradeStatus)
def test_a_listing_says_the_same_as_the_channel(status: TradeStatus) -> None:
    event = trade(maker(), maker(owner="x", order_id=ORDER_B, token_id=DOWN), status=status)
    (heard,), (read,) = told(event), words.fills_listed(listed(event), MARKET, KEY_ID, (), 7)
    assert read._replace(stamp_ns=0) == heard._replace(stamp_ns=0)
    as_taker = listed(event, is_maker=False)
    assert TAKER in {one.order for one in words.fills_listed(as_taker, MARKET, KEY_ID, (), 7)}


def test_nothing_is_guessed_of_a_trade_that_cannot_be_read() -> None:
    with pytest.raises(VenueError, match="bad_reply: status of trade t1 was 'PARKED'"):
        words.fills_listed(listed(trade(maker()), status="PARKED"), MARKET, KEY_ID, (), 7)
    with pytest.raises(VenueError, match="must be Up's or Down's, was '5'"):
        told(trade(maker(token_id="5")))
