"""polymarket-client 0.14.0 hears the market, the user and the price streams of the exchange."""

from decimal import Decimal

import pytest

from polymm.domain.order import Token
from polymm.exchange.rules import Rules
from tests.support.other_clients import needs_polymarket_client
from tests.support.other_sessions import use

pytestmark = needs_polymarket_client


def kinds(events):
    return [event["type"] for event in events]


def market(*token_ids, custom=False):
    return "MarketSpec", {"asset_ids": token_ids, "custom_feature_enabled": custom}


def test_books_changes_trades_and_the_end_of_a_market():
    async def script(desk):
        maker, taker = await desk.client(), await desk.client()
        visitor = await desk.visitor()
        await maker.bid(desk.up, "0.45", "20")
        stream = await visitor.subscribe(market(desk.up, desk.down, custom=True))
        # The client asks in the order of the ids, and so the books come.
        books = await stream.until(asset_id=max(desk.up, desk.down))
        assert kinds(books) == ["book", "book"]
        down, up = sorted(books, key=lambda book: book["payload"]["asset_id"] == desk.up)
        assert up["payload"]["bids"] == [{"price": "0.45", "size": "20"}]
        assert down["payload"]["asks"] == [{"price": "0.55", "size": "20"}]
        assert up["payload"]["condition_id"] == desk.listing.condition_id

        await maker.ask(desk.up, "0.52", "30")
        change = (await stream.until(type="price_change"))[-1]["payload"]["price_changes"]
        assert [(one["asset_id"], one["side"], one["price"], one["size"]) for one in change] == [
            (desk.up, "SELL", "0.52", "30"),
            (desk.down, "BUY", "0.48", "30"),
        ]
        assert (change[0]["best_bid"], change[0]["best_ask"]) == ("0.45", "0.52")

        await taker.bid(desk.up, "0.52", "10")
        heard = await stream.until(type="last_trade_price")
        assert {"price_change", "book", "best_bid_ask"} <= set(kinds(heard))
        trade = heard[-1]["payload"]
        assert (trade["asset_id"], trade["side"], trade["price"], trade["size"]) == (
            desk.up, "BUY", "0.52", "10",
        )  # fmt: skip

        # A market whose best price leaves the middle has a finer tick.
        await maker.get("cancel_all")
        await maker.bid(desk.up, "0.97", "10")
        heard = await stream.until(type="tick_size_change")
        assert heard[-1]["payload"]["new_tick_size"] == "0.001"
        late = await maker.bid(desk.up, "0.971", "10")
        assert late["status"] == "live"

        exchange, listing = desk.hall.exchange, desk.listing
        exchange.close(listing, desk.hall.now_ns())
        exchange.resolve(listing, Token.UP, desk.hall.now_ns())
        desk.hall.pump.wake()
        end = (await stream.until(type="market_resolved"))[-1]["payload"]
        assert (end["winning_asset_id"], end["winning_outcome"]) == (listing.market.up_token, "Up")

    use(script)


def test_subscriptions_come_and_go_on_one_socket():
    async def script(desk):
        visitor = await desk.visitor()
        first = await visitor.subscribe(market(desk.up))
        await first.until(asset_id=desk.up)
        second = await visitor.subscribe(market(desk.down))
        assert kinds(await second.until(asset_id=desk.down)) == ["book"]
        await first.close()
        maker = await desk.client()
        await maker.bid(desk.down, "0.30", "10")
        heard = await second.until(type="price_change")
        assert heard[-1]["payload"]["price_changes"]

    use(script)


def test_own_orders_and_trades_to_their_end():
    async def script(desk):
        maker, taker = await desk.client(3), await desk.client()
        mine = await maker.subscribe(("UserSpec", {}))
        theirs = await taker.subscribe(("UserSpec", {"markets": [desk.listing.condition_id]}))
        ask = (await maker.ask(desk.up, "0.52", "30"))["order_id"]
        placed = (await mine.until(type="order", id=ask))[-1]["payload"]
        assert placed["order_event_type"] == "PLACEMENT"
        assert (placed["status"], placed["side"], placed["original_size"]) == ("LIVE", "SELL", "30")

        took = await taker.bid(desk.up, "0.52", "10")
        heard = [*await mine.until(status="MATCHED"), *await mine.until(status="CONFIRMED")]
        trades = [event["payload"] for event in heard if event["type"] == "trade"]
        assert [trade["status"] for trade in trades] == ["MATCHED", "MINED", "CONFIRMED"]
        assert {trade["id"] for trade in trades} == set(took["trade_ids"])
        (part,) = trades[0]["maker_orders"]
        assert (part["order_id"], part["owner"], part["matched_amount"]) == (
            ask, maker.key_id, "10",
        )  # fmt: skip
        heard = await theirs.until(status="CONFIRMED")
        assert {one["payload"]["trader_side"] for one in heard if one["type"] == "trade"} == {
            "TAKER"
        }
        await maker.get("cancel_all")
        gone = (await mine.until(order_event_type="CANCELLATION"))[-1]["payload"]
        assert (gone["id"], gone["size_matched"]) == (ask, "10")

    use(script, rules=Rules(mined_ms=(1, 2), confirmed_ms=(1, 2)))


def test_prices_and_their_averages():
    async def script(desk):
        client = await desk.client()
        for spec, topic in (
            ("CryptoPriceSpec", "prices.crypto"),
            ("CryptoTwapPriceSpec", "prices.crypto.twap"),
        ):
            stream = await client.subscribe((spec, {"symbols": ["btcusd"]}))
            heard = await stream.until(type="update")
            assert kinds(heard)[0] == "subscribe"
            assert {event["topic"] for event in heard} == {topic}
            history, update = heard[0]["payload"], heard[-1]["payload"]
            assert history["symbol"] == update["symbol"] == "btcusd"
            assert len(history["data"]) > 100
            # Simulated prices move by cents a second.
            last = history["data"][-1]["value"]
            assert Decimal(update["value"]) == pytest.approx(Decimal(last), rel=Decimal("0.01"))

    use(script)
