"""Positions, trades, activity and resolutions of wallets, in both versions of the Data API."""

import pytest

from polymm.domain.order import Side, Token
from polymm.exchange.rules import Rules
from polymm.exchange.server.accounts import spenders
from polymm.exchange.windows import WindowSettings
from tests.support.visitors import ANN, BOB, SHARE, visit

NOBODY = "0x" + "11" * 20
MINED = 12.0  # seconds after which every trade is in a block


def traded(visitor):
    """Ann's 100 pairs and Bob's none; he buys 10 Up of her at 52 cents, as taker."""
    listing = visitor.last
    ann, bob = visitor.wallet(ANN, listing), visitor.wallet(BOB, listing, pairs=0)
    visitor.order(ann, Side.SELL, 52, 10, listing)
    visitor.order(bob, Side.BUY, 52, 10, listing)
    return listing, ann, bob


async def rows(visitor, path, **query):
    return (await visitor.get(f"/data-api{path}", **query)).body["data"]


def test_a_trade_is_told_once_it_is_mined():
    async def scene(visitor):
        listing, _, _ = traded(visitor)
        assert await rows(visitor, "/v2/trades", user=BOB) == []
        assert await rows(visitor, "/v2/positions", user=BOB) == []
        visitor.wait(MINED)
        (trade,) = await rows(visitor, "/v2/trades", user=BOB)
        assert trade["proxy_wallet"] == BOB
        assert (trade["side"], trade["size"], trade["price"]) == ("BUY", "10", "0.52")
        assert (trade["token_id"], trade["outcome"]) == (listing.market.up_token, "Up")
        assert trade["transaction_hash"].startswith("0x")
        (position,) = await rows(visitor, "/v2/positions", user=BOB)
        assert (position["current_size"], position["avg_price"]) == ("10", "0.52")

    visit(scene)


def test_trades_are_the_takers_unless_both_sides_are_asked_for():
    async def scene(visitor):
        listing, _, _ = traded(visitor)
        visitor.wait(MINED)
        assert await rows(visitor, "/v2/trades", user=ANN) == []
        (sale,) = await rows(visitor, "/v2/trades", user=ANN, taker_only="false")
        assert (sale["side"], sale["size"], sale["price"]) == ("SELL", "10", "0.52")
        everybody = {"condition_id": listing.condition_id, "taker_only": "false"}
        assert len(await rows(visitor, "/v2/trades", **everybody)) == 2
        assert len(await rows(visitor, "/v2/trades", **everybody, side="SELL")) == 1
        old = (await visitor.get("/data-api/trades", user=ANN, takerOnly="false")).body
        assert (old[0]["asset"], old[0]["price"]) == (listing.market.up_token, 0.52)
        assert (await visitor.get("/data-api/trades", user=ANN)).body == []

    visit(scene)


def test_a_position_adds_up():
    async def scene(visitor):
        listing, _, _ = traded(visitor)
        visitor.wait(MINED)
        bob = visitor.wallet(BOB, listing, pairs=0)
        # Half of it goes again, at 60 cents.
        visitor.order(visitor.wallet(ANN, listing, pairs=0), Side.BUY, 60, 5, listing)
        visitor.order(bob, Side.SELL, 60, 5, listing)
        visitor.wait(MINED)
        (it,) = await rows(visitor, "/v2/positions", user=BOB)
        fee = listing.market.fees.taker_fee_e6(5_200, 10 * SHARE) / 1e6
        sold_fee = listing.market.fees.taker_fee_e6(6_000, 5 * SHARE) / 1e6
        assert (it["current_size"], it["total_size"]) == ("5", "10")
        assert (it["entry_cost_usdc"], it["total_cost_usdc"]) == ("2.6", "5.2")
        assert float(it["entry_fees_usdc"]) == fee
        # The book is empty again: what it is worth is what was paid last.
        assert (it["current_price"], it["current_value"]) == ("0.6", "3")
        assert float(it["realized_pnl"]) == pytest.approx(5 * 0.60 - sold_fee - 5 * 0.52)
        assert float(it["unrealized_pnl"]) == pytest.approx(0.4)
        (old,) = (await visitor.get("/data-api/positions", user=BOB)).body
        assert (old["size"], old["avgPrice"], old["curPrice"]) == (5, 0.52, 0.6)
        assert old["oppositeAsset"] == listing.market.down_token

    visit(scene)


def test_positions_are_chosen_by_status():
    async def scene(visitor):
        _, ann, _ = traded(visitor)
        visitor.wait(MINED)

        async def outcomes(**query):
            found = await rows(visitor, "/v2/positions", **query)
            return [(row["outcome"], row["status"]) for row in found]

        both = [("Up", "OPEN"), ("Down", "OPEN")]
        assert await outcomes(user=ANN) == await outcomes(user=ANN, status="MERGEABLE") == both
        assert await outcomes(user=BOB, status="MERGEABLE") == []
        assert await outcomes(user=ANN, status="REDEEMABLE") == []
        listing = visitor.last
        visitor.hall.exchange.merge(visitor.now_ns, ann, listing, 90 * SHARE)
        assert await outcomes(user=ANN, status="CLOSED") == [("Up", "CLOSED")]
        assert await outcomes(user=ANN, status="OPEN") == [("Down", "OPEN")]
        visitor.hall.exchange.close(listing, visitor.now_ns)
        visitor.hall.exchange.resolve(listing, Token.UP, visitor.now_ns)
        assert await outcomes(user=BOB, status="REDEEMABLE") == [("Up", "REDEEMABLE")]
        assert await outcomes(user=ANN, status="REDEEMABLE_LOST") == [("Down", "REDEEMABLE")]
        assert await outcomes(user=BOB, status="REDEEMABLE_LOST") == []
        by_market = await outcomes(condition_id=listing.condition_id)
        assert sorted(by_market) == [("Down", "REDEEMABLE"), ("Up", "REDEEMABLE")]
        reply = await visitor.get("/data-api/v2/positions", user=BOB, status="LOST")
        assert reply.status == 400

    visit(scene)


def test_activity_tells_trades_and_what_was_done_on_the_chain():
    async def scene(visitor):
        listing, _, bob = traded(visitor)
        visitor.wait(MINED)
        exchange = visitor.hall.exchange
        exchange.split(visitor.now_ns, bob, listing, 3 * SHARE)
        visitor.wait(1)
        exchange.merge(visitor.now_ns, bob, listing, 2 * SHARE)
        visitor.wait(1)
        exchange.close(listing, visitor.now_ns)
        exchange.resolve(listing, Token.UP, visitor.now_ns)
        exchange.redeem(visitor.now_ns, bob, listing)
        found = await rows(visitor, "/v2/activity", user=BOB)
        told = [(row["type"], row["usdc_size"]) for row in found]
        assert told == [("REDEEM", "11"), ("MERGE", "2"), ("SPLIT", "3"), ("TRADE", "5.2")]
        oldest = await rows(visitor, "/v2/activity", user=BOB, sort_direction="ASC")
        assert [row["type"] for row in oldest] == [kind for kind, _ in told[::-1]]
        some = await rows(visitor, "/v2/activity", user=BOB, type="SPLIT,MERGE")
        assert {row["type"] for row in some} == {"SPLIT", "MERGE"}
        elsewhere = visitor.listings[0].condition_id
        assert await rows(visitor, "/v2/activity", user=BOB, condition_id=elsewhere) == []

    visit(scene)


def test_a_maker_is_told_of_his_rebate():
    async def scene(visitor):
        listing, ann, _ = traded(visitor)
        visitor.wait(MINED)
        visitor.hall.exchange.close(listing, visitor.now_ns)
        before_e6 = ann.balances["cash"]
        visitor.hall.exchange.resolve(listing, Token.DOWN, visitor.now_ns)
        paid = (ann.balances["cash"] - before_e6) / 1e6
        assert paid > 0
        (row,) = await rows(visitor, "/v2/activity", user=ANN, type="MAKER_REBATE")
        assert float(row["usdc_size"]) == paid
        day = {"date": "2027-01-15", "maker_address": ANN}
        (rebate,) = (await visitor.get("/rebates/current", **day)).body
        assert float(rebate["rebated_fees_usdc"]) == paid
        assert rebate["condition_id"] == listing.condition_id
        other_day = await visitor.get("/rebates/current", **(day | {"date": "2027-01-16"}))
        assert other_day.body == []
        assert (await visitor.get("/rebates/current", date="2027-01-15")).status == 400

    visit(scene, rules=Rules(rebate_min_e6=1))


def test_a_resolution_names_the_payouts_in_the_order_of_the_outcomes():
    async def scene(visitor):
        listing = visitor.last
        query = {"condition_id": listing.condition_id}
        assert await rows(visitor, "/v2/resolutions", **query) == []
        visitor.hall.exchange.close(listing, visitor.now_ns)
        visitor.hall.exchange.resolve(listing, Token.UP, visitor.now_ns)
        (row,) = await rows(visitor, "/v2/resolutions", **query)
        assert (row["status"], row["payouts"]) == ("resolved", [0, 1_000_000])
        event = (await visitor.get(f"/gamma/events/slug/{listing.market.slug}")).body
        assert await rows(visitor, "/v2/resolutions", event_id=event["id"]) == [row]
        tokens = await rows(visitor, "/v2/tokens", condition=listing.condition_id)
        assert [(t["outcome"], t["final_price"]) for t in tokens] == [("Down", "0"), ("Up", "1")]

    visit(scene, windows=WindowSettings(down_first=True))


def test_a_wallets_worth_and_what_it_allows():
    async def scene(visitor):
        traded(visitor)
        visitor.wait(MINED)
        value = (await visitor.get("/data-api/v2/value", user=BOB.upper().replace("0X", "0x"))).body
        assert value["data"] == {"proxy_wallet": BOB, "value": "5.2"}
        assert (await visitor.get("/data-api/value", user=BOB)).body[0]["value"] == 5.2
        (interest,) = await rows(visitor, "/v2/oi", condition_id=visitor.last.condition_id)
        assert interest["value"] == "100"
        data = (await visitor.get("/data-api/v2/approvals", user=ANN)).body["data"]
        assert (data["address"], data["chain_id"]) == (ANN, 137)
        assert len(data["contracts"]) == 3 * len(spenders(137))
        assert all(row["approved"] and row["amount"] == "max" for row in data["contracts"])
        unknown = (await visitor.get("/data-api/v2/approvals", user=NOBODY)).body["data"]
        assert not any(row["approved"] for row in unknown["contracts"])

    visit(scene)


def test_who_has_nothing_is_told_so():
    async def scene(visitor):
        for path in ("positions", "trades", "activity"):
            assert await rows(visitor, f"/v2/{path}", user=NOBODY) == []
        for path in ("positions", "trades"):
            assert (await visitor.get(f"/data-api/{path}", user=NOBODY)).body == []
        assert (await visitor.get("/data-api/v2/value", user=NOBODY)).body["data"]["value"] == "0"
        unknown = "0x" + "cd" * 32
        assert await rows(visitor, "/v2/positions", user=ANN, condition_id=unknown) == []
        assert await rows(visitor, "/v2/resolutions", condition_id=unknown) == []
        for path in ("/v2/positions", "/v2/activity", "/v2/value", "/v2/approvals", "/positions"):
            assert (await visitor.get(f"/data-api{path}")).status == 400
        for query in ({"limit": "0"}, {"limit": "x"}, {"cursor": "-1"}, {"cursor": "x"}):
            assert (await visitor.get("/data-api/v2/trades", **query)).status == 400

    visit(scene)


def test_pages_follow_one_another():
    async def scene(visitor):
        listing = visitor.last
        ann, bob = visitor.wallet(ANN, listing), visitor.wallet(BOB, listing)
        visitor.order(ann, Side.SELL, 52, 50, listing)
        for _ in range(5):
            visitor.order(bob, Side.BUY, 52, 5, listing)
        visitor.wait(MINED)
        found, query = [], {"user": BOB, "limit": 2}
        while True:
            page = (await visitor.get("/data-api/v2/trades", **query)).body
            found += [row["transaction_hash"] for row in page["data"]]
            if not page["pagination"]["has_more"]:
                break
            query["cursor"] = page["pagination"]["next_cursor"]
        assert page["pagination"]["next_cursor"] is None
        assert len(found) == len(set(found)) == 5
        cut = (await visitor.get("/data-api/trades", user=BOB, limit=2, offset=4)).body
        assert [row["transactionHash"] for row in cut] == found[4:]

    visit(scene)


def test_prices_of_the_past_are_those_of_the_clob():
    async def scene(visitor):
        listing = visitor.last
        visitor.order(visitor.wallet(ANN, listing), Side.SELL, 52, 50, listing)
        visitor.order(visitor.wallet(BOB, listing), Side.BUY, 50, 50, listing)
        visitor.wait(2)
        for token_id, price in zip(listing.pool.tokens, ("0.51", "0.49"), strict=True):
            query = {"token_id": token_id, "interval": "max"}
            found = await rows(visitor, "/v2/prices-history", **query)
            assert found[-1]["price"] == price

    visit(scene)
