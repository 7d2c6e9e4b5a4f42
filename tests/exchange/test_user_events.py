"""What accounts are told of their orders and trades, and with each fault of the telling."""

import pytest

from polymm.domain.order import Token
from polymm.exchange.faults import Fault, Faults
from polymm.exchange.matching import OrderKind
from polymm.exchange.user_channel import open_order, trade_record
from tests.support.exchange_scene import SHARE, Scene


@pytest.fixture
def scene():
    scene = Scene(faults=Faults(3))
    yield scene
    scene.exchange.audit()


def trades(scene, wallet):
    return [(event["status"], event["id"]) for event in scene.told(wallet, kind="trade")]


def statuses(scene, wallet):
    return [status for status, _ in trades(scene, wallet)]


def test_order_lives_from_placement_over_updates_to_matched(scene):
    placed = scene.buy(scene.ann, 48, 100)
    scene.sell(scene.bob, 48, 30)
    scene.sell(scene.bob, 48, 70)
    told = scene.told(scene.ann, kind="order")
    assert [(e["type"], e["status"], e["size_matched"]) for e in told] == [
        ("PLACEMENT", "LIVE", "0"),
        ("UPDATE", "LIVE", "30"),
        ("UPDATE", "MATCHED", "100"),
    ]
    assert {e["id"] for e in told} == {placed.order_id}
    assert told[0]["associate_trades"] is None
    assert len(told[2]["associate_trades"]) == 2
    assert (told[0]["side"], told[0]["price"], told[0]["outcome"]) == ("BUY", "0.48", "Up")
    assert told[0]["owner"] == told[0]["order_owner"] == "ann-key"
    assert told[0]["timestamp"] == "1800000000000"


def test_trade_is_told_to_both_with_the_takers_view_on_top(scene):
    maker = scene.buy(scene.ann, 48, 100)
    taker = scene.buy(scene.bob, 53, 40, token=Token.DOWN)
    messages = scene.exchange.drain()
    scene.exchange.outbox.extend(messages)
    (mine,) = scene.told(scene.ann, kind="trade")
    scene.exchange.outbox.extend(messages)
    (his,) = scene.told(scene.bob, kind="trade")
    assert (mine["trader_side"], his["trader_side"]) == ("MAKER", "TAKER")
    assert mine["id"] == his["id"] == taker.trade_ids[0]
    assert (mine["owner"], his["owner"]) == ("ann-key", "bob-key")
    assert mine["asset_id"] == scene.listing.token_id(Token.DOWN)
    assert (mine["side"], mine["size"], mine["price"]) == ("BUY", "40", "0.52")
    assert mine["transaction_hash"] == ""
    (entry,) = mine["maker_orders"]
    assert entry["order_id"] == maker.order_id
    assert entry["asset_id"] == scene.listing.token_id(Token.UP)
    assert (entry["side"], entry["price"], entry["matched_amount"]) == ("BUY", "0.48", "40")
    assert entry["owner"] == "ann-key"


def test_one_trade_names_all_makers_and_is_told_once_to_each(scene):
    scene.sell(scene.ann, 50, 10)
    scene.sell(scene.cat, 51, 10)
    scene.sell(scene.ann, 51, 10)
    scene.buy(scene.bob, 51, 30)
    (event,) = scene.told(scene.ann, kind="trade")
    assert [maker["matched_amount"] for maker in event["maker_orders"]] == ["10", "10", "10"]
    assert (event["size"], event["price"]) == ("30", "0.51")


def test_trade_is_matched_mined_confirmed_under_one_id(scene):
    scene.sell(scene.ann, 50, 10)
    scene.buy(scene.bob, 50, 10)
    assert statuses(scene, scene.ann) == ["MATCHED"]
    scene.wait(1_999)
    assert statuses(scene, scene.ann) == []
    scene.wait(3_001)
    (mined,) = scene.told(scene.ann, kind="trade")
    assert mined["status"] == "MINED"
    assert len(mined["transaction_hash"]) == 66
    scene.wait(6_000)
    (confirmed,) = scene.told(scene.ann, kind="trade")
    assert confirmed["status"] == "CONFIRMED"
    assert confirmed["transaction_hash"] == mined["transaction_hash"]
    assert scene.exchange.next_ns is None


def traded(scene, **faults):
    for name, rate in faults.items():
        scene.exchange.faults.set(name, rate)
    scene.sell(scene.ann, 50, 10)
    scene.buy(scene.bob, 50, 10)
    scene.wait(60_000)
    return scene.told(scene.ann)


def of(events, kind):
    return [e["status"] for e in events if e["event_type"] == kind]


def test_retried_trade_has_another_hash_in_the_end(scene):
    events = traded(scene, trade_retried=1.0)
    assert of(events, "trade") == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
    assert len({e["transaction_hash"] for e in events if e["event_type"] == "trade"}) == 3
    assert scene.shares(scene.bob) == 1_010


def test_failed_trade_is_told_and_undone_and_the_order_stays_done(scene):
    events = traded(scene, trade_failed=1.0)
    assert of(events, "trade") == ["MATCHED", "FAILED"]
    assert scene.shares(scene.bob) == scene.shares(scene.ann) == 1_000
    assert not scene.exchange.dealing.open


def test_mined_may_be_told_before_matched(scene):
    assert of(traded(scene, user_mined_first=1.0), "trade") == ["MINED", "MATCHED", "CONFIRMED"]


def test_a_skipped_status_is_never_told_but_happens(scene):
    assert of(traded(scene, user_status_skipped=1.0), "trade") == ["CONFIRMED"]
    assert scene.shares(scene.bob) == 1_010


def test_every_event_may_come_twice(scene):
    events = traded(scene, user_duplicated=1.0)
    assert sorted(of(events, "trade")) == sorted(2 * ["MATCHED", "MINED", "CONFIRMED"])
    assert sorted(of(events, "order")) == sorted(2 * ["LIVE", "MATCHED"])


def test_reordered_events_are_all_there_in_another_order(scene):
    scene.exchange.faults.set(Fault.USER_REORDERED, 0.5, lasts_ms=(1, 9_000))
    orders = set()
    for _ in range(8):
        events = traded(scene)
        assert sorted(of(events, "trade")) == ["CONFIRMED", "MATCHED", "MINED"]
        orders.add(tuple(of(events, "trade")))
    assert len(orders) > 1


def test_late_fill_is_told_seconds_after_it_happened(scene):
    scene.exchange.faults.set(Fault.USER_FILL_LATE, 1.0, lasts_ms=(3_000, 3_000))
    placed = scene.sell(scene.ann, 50, 10)
    scene.buy(scene.bob, 50, 10)
    assert [e["type"] for e in scene.told(scene.ann)] == ["PLACEMENT"]
    answer = scene.cancel(scene.ann, placed)
    assert answer.not_canceled == {placed.order_id: "Order already matched"}
    scene.wait(3_000)
    assert {e["status"] for e in scene.told(scene.ann)} == {"MATCHED"}


def test_cancel_may_lose_against_a_fill_nobody_has_heard_of(scene):
    scene.exchange.faults.set(Fault.CANCEL_ALREADY_MATCHED, 1.0)
    placed = scene.buy(scene.ann, 48, 100)
    scene.told()
    answer = scene.cancel(scene.ann, placed)
    assert answer.not_canceled == {placed.order_id: "Order already matched"}
    assert scene.told(scene.ann) == []
    scene.wait(20_000)
    events = scene.told(scene.ann)
    assert of(events, "order") == ["MATCHED"]
    assert of(events, "trade") == ["MATCHED", "MINED", "CONFIRMED"]
    assert scene.shares(scene.ann) == 1_100
    assert scene.cash(scene.ann) == 952


def test_short_fill_ends_the_order_a_hundredth_share_early(scene):
    scene.exchange.faults.set(Fault.FILL_SHORT, 1.0)
    scene.buy(scene.ann, 48, 10)
    scene.sell(scene.bob, 48, 10)
    told = scene.told(scene.ann, kind="order")[-1]
    assert (told["size_matched"], told["original_size"], told["status"]) == (
        "9.99", "10", "MATCHED",
    )  # fmt: skip
    assert scene.ann.reserved["cash"] == 0


def test_venue_may_cancel_what_rests(scene):
    scene.exchange.faults.set(Fault.ORDER_CANCELED, 1.0)
    scene.buy(scene.ann, 48, 10)
    scene.wait(5_000)
    told = scene.told(scene.ann)[-1]
    assert (told["type"], told["status"]) == ("CANCELLATION", "INVALID")


def test_refused_post_only_may_be_told_as_well(scene):
    scene.exchange.faults.set(Fault.USER_POST_ONLY_EVENT, 1.0)
    scene.sell(scene.bob, 50, 10)
    scene.buy(scene.ann, 50, 10, post_only=True)
    (told,) = scene.told(scene.ann)
    assert told["status"] == "UNMATCHED_invalid post-only order: order crosses book"


def test_balance_may_be_denied_and_the_market_is_none_the_wiser(scene):
    scene.exchange.faults.set(Fault.BALANCE_ZERO, 1.0, limit=1)
    assert "balance: 0" in scene.buy(scene.ann, 48, 10).text
    assert scene.buy(scene.ann, 48, 10).status == "live"


def test_records_of_the_ledger_routes(scene):
    scene.buy(scene.ann, 48, 100, kind=OrderKind.GTD, expiration_s=1_800_000_200)
    scene.sell(scene.bob, 48, 30)
    ((order, listing),) = scene.exchange.open_orders("ann-key")
    record = open_order(order, listing)
    assert record["status"] == "ORDER_STATUS_LIVE"
    assert (record["original_size"], record["size_matched"]) == ("100", "30")
    assert (record["order_type"], record["expiration"]) == ("GTD", "1800000200")
    (trade,) = scene.exchange.clearing.trades("ann-key")
    assert trade_record(trade, "ann-key")["status"] == "TRADE_STATUS_MATCHED"
    assert trade.cash_e6 == 30 * SHARE * 48 // 100


def test_old_trades_make_room(scene):
    scene = Scene(rules=scene.exchange.rules.__class__(trades_max=3))
    for _ in range(5):
        scene.sell(scene.ann, 50, 5)
        scene.buy(scene.bob, 50, 5)
    assert len(list(scene.exchange.clearing.trades("ann-key"))) == 3
