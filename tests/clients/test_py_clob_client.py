"""py-clob-client-v2, unpatched: orders of all kinds, cancels, heartbeats, wallets, versions."""

import time

import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    MarketOrderArgs,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
)

from polymm.domain.market import NS
from polymm.exchange.windows import WindowSettings
from tests.support.official_desk import SHARE, refused, use

# Orders


def test_orders_that_rest():
    def work(desk):
        client = desk.client()
        good_till = OrderArgs(
            token_id=desk.down,
            price=0.30,
            size=12.34,
            side="BUY",
            expiration=int(time.time()) + 300,
        )
        replies = [
            client.create_and_post_order(
                OrderArgs(token_id=desk.up, price=0.40, size=10, side="BUY"), post_only=True
            ),
            client.create_and_post_order(good_till, order_type=OrderType.GTD),
            desk.place(client, "SELL", 0.60, 5),
        ]
        for reply in replies:
            assert (reply["success"], reply["errorMsg"], reply["status"]) == (True, "", "live")
        found = {order["id"]: order for order in client.get_open_orders()}
        assert set(found) == {reply["orderID"] for reply in replies}
        shown = [found[reply["orderID"]] for reply in replies]
        assert [order["order_type"] for order in shown] == ["GTC", "GTD", "GTC"]
        assert [order["price"] for order in shown] == ["0.4", "0.3", "0.6"]
        assert [order["original_size"] for order in shown] == ["10", "12.34", "5"]
        assert [order["side"] for order in shown] == ["BUY", "BUY", "SELL"]
        assert shown[1]["expiration"] == str(good_till.expiration)
        assert client.get_order(replies[0]["orderID"]) == shown[0]

    use(work)


def test_orders_that_take_and_what_they_bring():
    def work(desk):
        maker, taker = desk.client(), desk.client()
        desk.place(maker, "SELL", 0.50, 40)
        desk.place(maker, "BUY", 0.40, 40)
        part = desk.place(taker, "BUY", 0.50, 10, order_type=OrderType.FAK)
        whole = desk.place(taker, "BUY", 0.50, 10, order_type=OrderType.FOK)
        rest = desk.place(taker, "BUY", 0.50, 10)
        for reply in (part, whole, rest):
            assert (reply["status"], reply["takingAmount"], reply["makingAmount"]) == (
                "matched", "10", "5",
            )  # fmt: skip
            assert len(reply["tradeIDs"]) == len(reply["transactionsHashes"]) == 1
        spent = taker.create_and_post_market_order(
            MarketOrderArgs(token_id=desk.up, amount=4, side="BUY")
        )
        assert (spent["status"], spent["makingAmount"], spent["takingAmount"]) == (
            "matched", "4", "8",
        )  # fmt: skip
        sold = taker.create_and_post_market_order(
            MarketOrderArgs(token_id=desk.up, amount=15, side="SELL"), order_type=OrderType.FAK
        )
        assert (sold["makingAmount"], sold["takingAmount"]) == ("15", "6")

    use(work)


def test_orders_that_are_refused():
    def work(desk):
        maker, taker = desk.client(), desk.client()
        desk.place(maker, "SELL", 0.50, 10)

        def why(**more):
            return refused(lambda: desk.place(taker, "BUY", 0.50, 20, **more))

        assert why(post_only=True) == (
            400, {"error": "invalid post-only order: order crosses book"},
        )  # fmt: skip
        status, error = why(order_type=OrderType.FOK)
        assert (status, "fully filled" in error["error"]) == (400, True)
        status, error = refused(
            lambda: desk.place(taker, "BUY", 0.10, 20, order_type=OrderType.FAK)
        )
        assert (status, "no orders found to match" in error["error"]) == (400, True)
        status, error = refused(lambda: desk.place(taker, "BUY", 0.90, 50_000))
        assert (status, "not enough balance" in error["error"]) == (400, True)
        status, error = refused(lambda: desk.place(taker, "BUY", 0.30, 2))
        assert (status, "lower than the minimum: 5" in error["error"]) == (400, True)
        order = desk.limit(taker, "BUY", 0.20, 10)
        assert taker.post_order(order)["status"] == "live"
        status, error = refused(lambda: taker.post_order(order))
        assert (status, error["error"].endswith("is invalid. Duplicated.")) == (400, True)
        soon = OrderArgs(
            token_id=desk.up, price=0.20, size=10, side="BUY", expiration=int(time.time()) + 60
        )
        status, error = refused(lambda: taker.create_and_post_order(soon, order_type=OrderType.GTD))
        assert (status, error["error"]) == (400, "invalid expiration")
        assert len(taker.get_open_orders()) == 1

    use(work)


def test_an_order_in_the_taker_delay_is_answered_delayed():
    def work(desk):
        maker, taker = desk.client(), desk.client()
        desk.place(maker, "SELL", 0.50, 10)
        reply = desk.place(taker, "BUY", 0.50, 10)
        assert reply["status"] == "delayed"
        answer = taker.cancel_order(OrderPayload(orderID=reply["orderID"]))
        assert list(answer["not_canceled"]) == [reply["orderID"]]
        desk.wait(0.15)
        (trade,) = taker.get_trades()
        assert trade["taker_order_id"] == reply["orderID"]

    use(work, windows=WindowSettings())


def test_batches_of_orders():
    def work(desk):
        maker, client = desk.client(), desk.client()
        desk.place(maker, "SELL", 0.50, 100)
        wishes = [("BUY", 0.40), ("BUY", 0.50), ("SELL", 0.45), ("BUY", 0.30)]
        args = [
            PostOrdersV2Args(order=desk.limit(client, side, price, 10), orderType=OrderType.GTC)
            for side, price in wishes
        ]
        replies = client.post_orders(args)
        assert [reply["status"] for reply in replies] == ["live", "matched", "live", "live"]
        args = [
            PostOrdersV2Args(order=desk.limit(client, "BUY", price, 10), orderType=OrderType.GTC)
            for price in (0.20, 0.50)
        ]
        rests, crosses = client.post_orders(args, post_only=True)
        assert rests["status"] == "live"
        assert (crosses["orderID"], crosses["status"]) == ("", "")
        assert crosses["errorMsg"] == "invalid post-only order: order crosses book"
        many = [
            PostOrdersV2Args(order=desk.limit(client, "BUY", 0.10, 10), orderType=OrderType.GTC)
            for _ in range(16)
        ]
        status, error = refused(lambda: client.post_orders(many))
        text = "Too many orders in payload: 16, max allowed: 15"
        assert (status, error["error"]) == (400, text)
        assert [reply["status"] for reply in client.post_orders(many[:15])] == ["live"] * 15

    use(work)


def test_cancels_of_every_kind():
    def work(desk):
        client = desk.client()

        def rest(n, token=""):
            replies = [desk.place(client, "BUY", 0.10 + i / 100, 10, token) for i in range(n)]
            return [reply["orderID"] for reply in replies]

        one, *some = rest(3)
        answer = client.cancel_order(OrderPayload(orderID=one))
        assert answer == {"canceled": [one], "not_canceled": {}}
        again = client.cancel_order(OrderPayload(orderID=one))
        assert (again["canceled"], list(again["not_canceled"])) == ([], [one])
        unknown = "0x" + "ee" * 32
        answer = client.cancel_orders([*some, unknown])
        assert set(answer["canceled"]) == set(some)
        assert list(answer["not_canceled"]) == [unknown]
        ups, downs = rest(2), rest(2, desk.down)
        by_token = OrderMarketCancelParams(asset_id=desk.down)
        assert set(client.cancel_market_orders(by_token)["canceled"]) == set(downs)
        by_market = OrderMarketCancelParams(market=desk.listing.condition_id)
        assert set(client.cancel_market_orders(by_market)["canceled"]) == set(ups)
        everything = rest(3)
        assert set(client.cancel_all()["canceled"]) == set(everything)
        assert client.get_open_orders() == []

    use(work)


# The dead man


def test_heartbeats_follow_one_another():
    def work(desk):
        client = desk.client()
        first = client.post_heartbeat()["heartbeat_id"]
        second = client.post_heartbeat(first)["heartbeat_id"]
        status, body = refused(lambda: client.post_heartbeat("nonsense"))
        assert (status, body["heartbeat_id"]) == (400, second)
        assert client.post_heartbeat(second)["heartbeat_id"] not in ("", second)

    use(work)


def test_orders_die_with_the_heart():
    def work(desk):
        client = desk.client()
        desk.place(client, "BUY", 0.10, 10)
        client.post_heartbeat()
        assert client.get_open_orders() != []
        desk.wait(2)
        assert client.get_open_orders() == []

    use(work, heartbeat_s_max=1, heartbeat_check_s=1)


# Wallets and versions


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_it_trades_for_every_kind_of_wallet(kind):
    def work(desk):
        client = desk.client()
        holder = desk.hall.accounts.find(client.creds.api_key).holder
        funder = holder.wallets.current[kind]
        wallet = ClobClient(
            host=desk.host,
            chain_id=137,
            key=client.signer.private_key,
            creds=client.creds,
            signature_type=kind,
            funder=funder,
        )
        reply = desk.place(wallet, "BUY", 0.40, 10)
        (order,) = wallet.get_open_orders()
        assert (order["id"], order["maker_address"]) == (reply["orderID"], funder)
        desk.place(desk.client(), "SELL", 0.40, 10)
        params = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=desk.up)
        assert wallet.get_balance_allowance(params)["balance"] == str(1_010 * SHARE)

    use(work)


def test_it_trades_positions_of_the_second_protocol():
    def work(desk):
        client, other = desk.client(), desk.client()

        def args(side):
            return OrderArgs(position_id=desk.up, price=0.40, size=10, side=side)

        assert client.create_and_post_order(args("BUY"))["status"] == "live"
        assert other.create_and_post_order(args("SELL"))["status"] == "matched"
        status, error = refused(lambda: desk.place(client, "BUY", 0.40, 10))
        assert (status, error["error"]) == (400, "order_version_mismatch")

    use(work, windows=WindowSettings(taker_delay_ns=0, version="v2"))


def test_a_window_that_ended_takes_no_orders_and_says_so():
    def work(desk):
        client = desk.client()
        listing = min(desk.hall.by_slug.values(), key=lambda item: item.market.end_ns)
        order = desk.limit(client, "BUY", 0.10, 10, listing.market.up_token)
        desk.wait((listing.market.end_ns - desk.hall.now_ns()) / NS)
        status, error = refused(lambda: client.post_order(order))
        text = "the market is not yet ready to process new orders"
        assert (status, error["error"]) == (400, text)

    use(work, windows=WindowSettings(length_s=2, taker_delay_ns=0))
