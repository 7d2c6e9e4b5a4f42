"""polymarket-client 0.14.0, unpatched: what it reads without credentials, in its own models."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from polymm.domain.order import Side, Token
from tests.support.other_clients import OtherProgram, needs_polymarket_client, other_program
from tests.support.visitors import ANN, BOB, SHARE, Visitor, visiting

pytestmark = needs_polymarket_client

SERVICES = {"clob": "", "gamma": "/gamma", "data": "/data-api"}
# Those it does not speak to here.
OTHERS = ("ws_market", "ws_user", "relayer", "prices", "rtds", "rpc")


class Reader:
    """The client's program, and the exchange it reads."""

    def __init__(self, visitor: Visitor, program: OtherProgram) -> None:
        self.visitor = visitor
        self._program = program

    async def __call__(self, method: str, **arguments: Any) -> Any:
        return await self._program.tell(method=method, arguments=arguments)


def read(scene: Callable[[Reader, Visitor], Awaitable[None]], **settings: Any) -> None:
    """Play a scene in which the client reads."""

    async def run() -> None:
        async with (
            visiting(within_s=30, **settings) as visitor,
            other_program("reading.py") as program,
        ):
            urls = {name: visitor.url + path for name, path in SERVICES.items()}
            await program.tell(open=urls | dict.fromkeys(OTHERS, visitor.url))
            await scene(Reader(visitor, program), visitor)
            await program.tell(close=True)

    asyncio.run(run())


def both_sides(visitor):
    """A market with bid 45 and ask 52 of Up, of which Bob bought 8 at 52."""
    listing = visitor.last
    ann, bob = visitor.wallet(ANN, listing), visitor.wallet(BOB, listing)
    visitor.order(ann, Side.BUY, 45, 20, listing)
    visitor.order(ann, Side.SELL, 52, 20, listing)
    visitor.order(bob, Side.BUY, 52, 8, listing)
    visitor.wait(12)
    return listing


def test_it_reads_books_and_prices():
    async def scene(ask, visitor):
        listing = both_sides(visitor)
        up, down = listing.pool.tokens
        book = await ask("get_order_book", asset_id=up)
        assert (book["bids"], book["asks"]) == (
            [{"price": "0.45", "size": "20"}],
            [{"price": "0.52", "size": "12"}],
        )
        assert book["condition_id"] == listing.condition_id
        assert len(await ask("get_order_books", asset_ids=[up, down])) == 2
        assert await ask("get_midpoint", asset_id=up) == "0.485"
        assert await ask("get_midpoints", asset_ids=[up, down]) == {up: "0.485", down: "0.515"}
        assert await ask("get_price", asset_id=down, side="BUY") == "0.55"
        assert await ask("get_spread", asset_id=down) == "0.07"
        assert await ask("get_spreads", asset_ids=[up]) == {up: "0.07"}
        last = await ask("get_last_trade_price", asset_id=down)
        assert last == {"price": "0.48", "side": "SELL"}
        assert len(await ask("get_last_trade_prices", asset_ids=[up, down])) == 2
        assert await ask("estimate_market_price", asset_id=up, side="BUY", amount=5) == "0.52"
        error = await ask("get_order_book", asset_id="7" * 77)
        assert "No orderbook exists" in error

    read(scene)


def test_it_reads_the_catalogue_before_and_after_a_resolution():
    async def scene(ask, visitor):
        listing = both_sides(visitor)
        slug = listing.market.slug
        market = await ask("get_market", slug=slug)
        assert market["outcomes"]["yes"]["token_id"] == listing.market.up_token
        assert market["state"]["accepting_orders"] is True
        assert market["trading"]["fee_schedule"]["rate"] == "0.07"
        event = await ask("get_event", slug=slug)
        assert event["markets"][0]["condition_id"] == listing.condition_id
        assert await ask("get_event", id=event["id"]) == event
        slugs = [item["slug"] for item in await ask("list_events", tag_slug="up-or-down")]
        assert slugs == [item.market.slug for item in visitor.listings]
        end = market["state"]["end_date"]
        within = await ask("list_markets", end_date_min=end, end_date_max=end)
        assert [item["slug"] for item in within] == [slug]
        (series,) = await ask("list_series", slug="btc-up-or-down-5m")
        assert await ask("get_series", id=series["id"]) == series
        visitor.hall.exchange.close(listing, visitor.now_ns)
        visitor.hall.exchange.resolve(listing, Token.DOWN, visitor.now_ns)
        after = await ask("get_market", slug=slug)
        assert after["state"]["closed_time"] is not None
        prices = [after["outcomes"][side]["price"] for side in ("yes", "no")]
        assert prices == ["0", "1"]
        (resolution,) = await ask("get_resolutions", condition_ids=listing.condition_id)
        assert resolution["payouts"] == ["0", "1"]
        tokens = await ask("get_token_references", condition_ids=listing.condition_id)
        assert [token["final_price"] for token in tokens] == ["0", "1"]

    read(scene)


@pytest.mark.parametrize("who", [ANN, BOB])
def test_it_reads_what_wallets_own_and_did(who):
    async def scene(ask, visitor):
        listing = both_sides(visitor)
        wallet = visitor.hall.exchange.ledger.wallets[who]
        visitor.hall.exchange.merge(visitor.now_ns, wallet, listing, 5 * SHARE)
        found = await ask("list_positions", user=who)
        sizes = {item["outcome"]: item["current_size"] for item in found}
        owned = [wallet.balances[token] // SHARE for token in listing.pool.tokens]
        assert sizes == {"Up": str(owned[0]), "Down": str(owned[1])}
        (trade,) = await ask("list_trades", user=who, taker_only=False)
        assert trade["side"] == ("SELL" if who == ANN else "BUY")
        kinds = [item["type"] for item in await ask("list_activity", user=who)]
        assert kinds == ["MERGE", "TRADE"]
        value = await ask("get_portfolio_value", user=who)
        worth = [float(item["current_value"]) for item in found]
        assert float(value["value"]) == pytest.approx(sum(worth))
        approvals = await ask("get_trading_approvals_state", wallet=who)
        assert approvals["is_fully_approved"] is True
        (interest,) = await ask("get_open_interests", condition_ids=listing.condition_id)
        assert float(interest["value"]) == 195

    read(scene)


def test_it_reads_rewards_rebates_and_price_histories():
    async def scene(ask, visitor):
        listing = both_sides(visitor)
        assert await ask("list_current_rewards") == []
        assert await ask("list_market_rewards", condition_id=listing.condition_id) == []
        assert await ask("list_reward_markets") == []
        day = {"date": "2027-01-15", "maker_address": ANN}
        assert await ask("get_current_rebates", **day) == []
        history = await ask("list_price_history", asset_id=listing.market.up_token, interval="1h")
        assert history[-1]["price"] == "0.485"

    read(scene)
