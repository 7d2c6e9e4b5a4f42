"""polymarket-client 0.14.0 trades and looks after its orders; only its hosts are ours."""

import time

import pytest

from polymm.exchange.rules import Rules
from polymm.exchange.windows import WindowSettings
from tests.support.other_clients import needs_polymarket_client
from tests.support.other_sessions import DOLLAR, SHARE, use

pytestmark = needs_polymarket_client

# It waits for the transactions of what it matched: they come at once here.
SWIFT = Rules(mined_ms=(1, 2), confirmed_ms=(1, 2))
KINDS = ["EOA", "POLY_PROXY", "GNOSIS_SAFE", "DEPOSIT_WALLET"]


def facts(row, *names):
    return tuple(row[name] for name in names)


def test_orders_of_all_types_rest_take_and_are_refused():
    async def script(desk):
        maker, taker = await desk.client(3), await desk.client()
        soon = int(time.time()) + 300
        rests = await maker.ask(desk.up, "0.52", "60")
        until = await maker.bid(desk.up, "0.45", "12.34", expiration=soon)
        quiet = await maker.bid(desk.up, "0.44", "10", post_only=True)
        assert [one["status"] for one in (rests, until, quiet)] == ["live"] * 3
        shown = await maker.get("get_order", order_id=until["order_id"])
        assert facts(shown, "order_type", "original_size", "price", "maker_address") == (
            "GTD", "12.34", "0.45", maker.wallet,
        )  # fmt: skip
        # GTC, FAK and FOK that take, each way.
        took = await taker.bid(desk.up, "0.52", "10")
        assert facts(took, "status", "making_amount", "taking_amount") == ("matched", "5.2", "10")
        (settled,) = await taker.get("wait_for_order_fill_settlement", order=took["number"])
        assert len(settled) == 66
        for kind in ("FAK", "FOK"):
            bought = await taker.get(
                "place_market_order",
                asset_id=desk.up, side="BUY", amount="5.2", order_type=kind, max_price="0.52",
            )  # fmt: skip
            assert facts(bought, "status", "making_amount", "taking_amount") == (
                "matched", "5.2", "10",
            )  # fmt: skip
        sold = await taker.get("place_market_order", asset_id=desk.up, side="SELL", shares="8")
        assert facts(sold, "making_amount", "taking_amount") == ("8", "3.6")
        # Refused, each with the code that the client knows it by.
        crossing = await taker.refused(
            "place_limit_order",
            asset_id=desk.up, price="0.52", size="10", side="BUY", post_only=True,
        )  # fmt: skip
        assert facts(crossing, "status", "text") == (
            400, "invalid post-only order: order crosses book",
        )  # fmt: skip
        unfilled = await taker.refused(
            "place_market_order",
            asset_id=desk.up, side="BUY", amount="500", order_type="FOK", max_price="0.52",
        )  # fmt: skip
        assert "fully filled" in unfilled["text"]
        nothing = await taker.refused(
            "place_market_order", asset_id=desk.up, side="BUY", amount="5", max_price="0.10"
        )
        assert "no orders found to match" in nothing["text"]
        poor = await taker.refused(
            "place_limit_order", asset_id=desk.up, price="0.30", size="90000", side="BUY"
        )
        assert "not enough balance / allowance" in poor["text"]
        assert await taker.open_ids() == set()

    use(script, rules=SWIFT)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_batches_and_cancels_of_every_kind(version):
    async def script(desk):
        client = await desk.client(3)
        other = await desk.client(1)
        await other.ask(desk.up, "0.50", "10")

        async def batch(*prices, token="", **more):
            orders = [
                await client.get(
                    "create_limit_order",
                    asset_id=token or desk.up, price=price, size="5", side="BUY", **more,
                )
                for price in prices
            ]  # fmt: skip
            numbers = [order["number"] for order in orders]
            return await client.get("post_orders", signed_orders=numbers)

        rests, crosses = await batch("0.20", "0.50", post_only=True)
        assert (rests["ok"], rests["status"]) == (True, "live")
        assert (crosses["ok"], crosses["code"]) == (False, "post_only_would_cross")
        one = rests["order_id"]
        assert await client.get("cancel_order", order_id=one) == {
            "canceled": [one], "not_canceled": {},
        }  # fmt: skip
        again = await client.get("cancel_order", order_id=one)
        assert (again["canceled"], list(again["not_canceled"])) == ([], [one])

        async def rest(*prices, token=""):
            return {order["order_id"] for order in await batch(*prices, token=token)}

        some = await rest("0.10", "0.11", "0.12")
        answer = await client.get("cancel_orders", order_ids=sorted(some))
        assert set(answer["canceled"]) == some
        ups, downs = await rest("0.10", "0.11"), await rest("0.10", token=desk.down)
        assert await client.open_ids(asset_id=desk.down) == downs
        assert await client.open_ids(market=desk.listing.condition_id) == ups | downs
        answer = await client.get("cancel_market_orders", asset_id=desk.down)
        assert set(answer["canceled"]) == downs
        answer = await client.get("cancel_market_orders", market=desk.listing.condition_id)
        assert set(answer["canceled"]) == ups
        many = await rest(*(f"0.{price}" for price in range(10, 25)))
        assert len(many) == 15
        assert set((await client.get("cancel_all"))["canceled"]) == many
        assert await client.open_ids() == set()

    use(script, windows=WindowSettings(taker_delay_ns=0, version=version))


def test_it_knows_its_wallets_balances_approvals_and_trades():
    async def script(desk):
        clients = [await desk.client(kind) for kind in range(4)]
        assert [client.kind for client in clients] == KINDS
        maker, taker = clients[0], clients[3]
        for client in clients:
            assert await client.get("get_closed_only_mode") is False
            assert await client.get("fetch_api_keys") == [client.key_id]
            state = await client.get("get_trading_approvals_state")
            assert state["missing"] == {"erc20": [], "erc1155": []}
        ask = await maker.ask(desk.up, "0.50", "20")
        took = await taker.bid(desk.up, "0.50", "20")
        await taker.get("wait_for_order_fill_settlement", order=took["number"])
        cash = await maker.get("get_balance_allowance", asset_type="COLLATERAL")
        assert (int(cash["balance"]), len(cash["allowances"]) > 2) == (10_010 * DOLLAR, True)
        shares = await taker.get(
            "get_balance_allowance", asset_type="CONDITIONAL", asset_id=desk.up
        )
        assert int(shares["balance"]) == 1_020 * SHARE
        (mine,) = await taker.get("list_account_trades")
        (theirs,) = await maker.get("list_account_trades", market=desk.listing.condition_id)
        assert mine["id"] == theirs["id"] == took["trade_ids"][0]
        assert (mine["trader_side"], theirs["trader_side"]) == ("TAKER", "MAKER")
        assert mine["maker_orders"][0]["order_id"] == ask["order_id"]
        assert await taker.get("list_account_trades", asset_id=desk.down) == []
        quiet = (await taker.bid(desk.up, "0.10", "10"))["order_id"]
        one = await taker.get("get_order_scoring", order_id=quiet)
        assert await taker.get("get_orders_scoring", order_ids=[quiet]) == {quiet: one}
        assert await taker.get("get_notifications") == []
        await maker.get("delete_api_key")
        assert (await maker.refused("list_open_orders"))["status"] == 401

    use(script, rules=SWIFT)


def test_heartbeats_follow_one_another():
    async def script(desk):
        client = await desk.client()
        first = await client.get("send_order_heartbeat")
        second = await client.get("send_order_heartbeat", heartbeat_id=first["heartbeat_id"])
        wrong = await client.refused("send_order_heartbeat", heartbeat_id="nonsense")
        assert facts(wrong, "error", "status", "heartbeat_id") == (
            "OrderHeartbeatMismatchError", 400, second["heartbeat_id"],
        )  # fmt: skip

    use(script)
