"""py-clob-client-v2, unpatched: what it reads of markets and of its account, and its keys."""

import time

from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    DropNotificationParams,
    OpenOrderParams,
    OrderScoringParams,
    OrdersScoringParams,
    OrderType,
    PostOrdersV2Args,
    PricesHistoryParams,
    TradeParams,
)

from polymm.exchange.server.settings import Buckets
from tests.support.official_desk import DOLLAR, SHARE, refused, use

# Without credentials


def test_it_reads_state_and_markets():
    def work(desk):
        client = ClobClient(host=desk.host, chain_id=137)
        assert client.get_ok() == "OK"
        assert client.get_version() == 2
        assert abs(client.get_server_time() - time.time()) < 5
        condition_id = desk.listing.condition_id
        assert client.get_market(condition_id)["condition_id"] == condition_id
        info = client.get_clob_market_info(condition_id)
        assert {token["t"]: token["o"] for token in info["t"]} == {desk.up: "Up", desk.down: "Down"}
        # Both answered from that record, and asked for anew by a client that has not read it.
        for one in (client, ClobClient(host=desk.host, chain_id=137)):
            assert one.get_tick_size(desk.up) == "0.01"
            assert one.get_neg_risk(desk.up) is False
            assert one.get_fee_rate_bps(desk.up) == 1000
            assert one.get_fee_exponent(desk.up) == 1
        for get in (
            client.get_markets,
            client.get_simplified_markets,
            client.get_sampling_markets,
            client.get_sampling_simplified_markets,
        ):
            page = get()
            assert page["next_cursor"] == "LTE="
            assert condition_id in {market["condition_id"] for market in page["data"]}
        assert client.get_current_rewards() == []
        assert client.get_raw_rewards_for_market(condition_id) == []
        status, error = refused(lambda: client.get_market("0x" + "ab" * 32))
        assert (status, error) == (404, {"error": "market not found"})

    use(work)


def test_it_reads_books_and_finds_their_hash_true():
    def work(desk):
        maker = desk.client()
        desk.place(maker, "BUY", 0.45, 20)
        desk.place(maker, "SELL", 0.52, 30)
        client = ClobClient(host=desk.host, chain_id=137)
        both = [BookParams(token_id=desk.up), BookParams(token_id=desk.down)]
        books = [client.get_order_book(desk.up), *client.get_order_books(both)]
        for book in books:
            assert client.get_order_book_hash(dict(book)) == book["hash"]
        assert books[0]["bids"] == [{"price": "0.45", "size": "20"}]
        assert books[2]["bids"] == [{"price": "0.48", "size": "30"}]
        # A live book too, in the window that is open, whose traders do not rest.
        live = min(desk.hall.by_slug.values(), key=lambda item: item.market.start_ns)
        for token_id in live.pool.tokens:
            book = client.get_order_book(token_id)
            assert client.get_order_book_hash(dict(book)) == book["hash"]
        status, error = refused(lambda: client.get_order_book("1" * 77))
        assert (status, error["error"]) == (404, "No orderbook exists for the requested token id")

    use(work)


def test_it_reads_prices():
    def work(desk):
        maker = desk.client()
        desk.place(maker, "BUY", 0.45, 20)
        desk.place(maker, "SELL", 0.52, 30)
        desk.place(desk.client(), "BUY", 0.52, 10)
        client = ClobClient(host=desk.host, chain_id=137)
        both = [BookParams(token_id=desk.up, side="BUY"), BookParams(token_id=desk.down, side=1)]
        assert client.get_midpoint(desk.up) == {"mid": "0.485"}
        assert client.get_midpoints(both) == {desk.up: "0.485", desk.down: "0.515"}
        assert client.get_price(desk.up, "BUY") == {"price": "0.52"}
        assert client.get_price(desk.up, 1) == {"price": "0.45"}
        prices = {desk.up: {"BUY": "0.52"}, desk.down: {"SELL": "0.48"}}
        assert client.get_prices(both) == prices
        assert client.get_spread(desk.up) == {"spread": "0.07"}
        assert client.get_spreads(both) == {desk.up: "0.07", desk.down: "0.07"}
        assert client.get_last_trade_price(desk.up) == {"price": "0.52", "side": "BUY"}
        last = client.get_last_trades_prices(both)
        assert [(row["price"], row["side"]) for row in last] == [("0.52", "BUY"), ("0.48", "SELL")]
        # What a taker would pay for 10 dollars, and get for 15 shares, at worst.
        assert client.calculate_market_price(desk.up, "BUY", 10) == 0.52
        assert client.calculate_market_price(desk.up, "SELL", 15) == 0.45
        first = min(desk.hall.by_slug.values(), key=lambda item: item.market.start_ns)
        params = PricesHistoryParams(market=first.market.up_token, interval="1h")
        (point,) = client.get_prices_history(params)["history"]
        assert 0 < point["p"] < 1
        (event,) = client.get_market_trades_events(desk.listing.condition_id)
        assert (event["side"], event["size"]) == ("BUY", "10")

    use(work)


# Keys


def test_it_creates_derives_lists_and_deletes_keys():
    def work(desk):
        client = desk.stranger()
        status, error = refused(client.derive_api_key)
        assert (status, error["error"]) == (400, "Could not derive api key!")
        created = client.create_api_key()
        assert client.derive_api_key() == created
        assert client.create_or_derive_api_key() == created
        status, error = refused(client.create_api_key)
        assert (status, error["error"]) == (400, "Could not create api key")
        other = client.create_api_key(nonce=7)
        assert other.api_key != created.api_key
        client.set_api_creds(created)
        names = set(client.get_api_keys()["apiKeys"])
        assert names == {created.api_key, other.api_key}
        assert client.get_closed_only_mode() == {"closed_only": False}
        assert client.delete_api_key() == "OK"
        assert refused(client.get_api_keys)[0] == 401

    use(work)


def test_it_works_with_the_servers_clock():
    def work(desk):
        client = desk.client(use_server_time=True)
        assert desk.place(client, "BUY", 0.40, 10)["status"] == "live"

    use(work)


def test_it_makes_read_only_keys():
    def work(desk):
        client = desk.client()
        made = client.create_readonly_api_key()
        assert made["apiKey"] in str(client.get_readonly_api_keys())
        client.delete_readonly_api_key(made["apiKey"])
        assert made["apiKey"] not in str(client.get_readonly_api_keys())

    use(work)


# What it owns and did


def test_open_orders_are_found_by_market_token_and_id():
    def work(desk):
        client = desk.client()
        up = desk.place(client, "BUY", 0.10, 10)["orderID"]
        down = desk.place(client, "BUY", 0.10, 10, desk.down)["orderID"]

        def ids(**query):
            return {order["id"] for order in client.get_open_orders(OpenOrderParams(**query))}

        assert ids() == ids(market=desk.listing.condition_id) == {up, down}
        assert ids(asset_id=desk.down) == ids(id=down) == {down}
        assert ids(market="0x" + "ab" * 32) == set()
        assert client.get_pre_migration_orders() == []

    use(work)


def test_more_open_orders_than_a_page_holds_are_all_found():
    def work(desk):
        client = desk.client()
        placed = set()
        for _ in range(8):
            args = [
                PostOrdersV2Args(order=desk.limit(client, "BUY", 0.10, 5), orderType=OrderType.GTC)
                for _ in range(15)
            ]
            placed |= {reply["orderID"] for reply in client.post_orders(args)}
        assert len(placed) == 120
        assert {order["id"] for order in client.get_open_orders()} == placed
        assert len(client.get_open_orders(only_first_page=True)) < 120

    use(work, buckets=Buckets(order_rate=1_000, order_burst=1_000))


def test_trades_and_balances_tell_the_same():
    def work(desk):
        maker, taker = desk.client(), desk.client()
        cash = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
        shares = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=desk.up)

        def held(client):
            both = [client.get_balance_allowance(params) for params in (cash, shares)]
            return [int(answer["balance"]) for answer in both]

        assert held(maker) == held(taker) == [10_000 * DOLLAR, 1_000 * SHARE]
        assert all(int(v) > 0 for v in taker.get_balance_allowance(cash)["allowances"].values())
        ask = desk.place(maker, "SELL", 0.50, 20)["orderID"]
        reply = desk.place(taker, "BUY", 0.50, 20)
        taker.update_balance_allowance(cash)
        taker.update_balance_allowance(shares)
        fee = desk.listing.market.fees.taker_fee_e6(5_000, 20 * SHARE)
        assert held(taker) == [9_990 * DOLLAR - fee, 1_020 * SHARE]
        assert held(maker) == [10_010 * DOLLAR, 980 * SHARE]
        (mine,), (theirs,) = taker.get_trades(), maker.get_trades()
        assert mine["id"] == theirs["id"] == reply["tradeIDs"][0]
        assert (mine["trader_side"], theirs["trader_side"]) == ("TAKER", "MAKER")
        assert mine["maker_orders"][0]["order_id"] == ask
        assert mine["transaction_hash"] == reply["transactionsHashes"][0]
        condition_id = desk.listing.condition_id
        for params, n in (
            (TradeParams(market=condition_id), 1), (TradeParams(asset_id=desk.down), 0),
            (TradeParams(id=mine["id"]), 1), (TradeParams(before=int(mine["match_time"]) - 10), 0),
            (TradeParams(maker_address=taker.get_address()), 1),
        ):  # fmt: skip
            assert len(taker.get_trades(params)) == n, params
        page = taker.get_trades_paginated()
        assert (len(page["trades"]), page["next_cursor"]) == (1, "LTE=")

    use(work)


def test_it_reads_what_a_maker_looks_at_now_and_then():
    def work(desk):
        client = desk.client()
        order_id = desk.place(client, "BUY", 0.10, 10)["orderID"]
        one = client.is_order_scoring(OrderScoringParams(orderId=order_id))
        many = client.are_orders_scoring(OrdersScoringParams(orderIds=[order_id]))
        assert many == {order_id: one["scoring"]}
        assert client.get_notifications() == []
        client.drop_notifications(DropNotificationParams(ids=["1"]))
        day = "2027-01-15"
        assert client.get_earnings_for_user_for_day(day) == []
        assert client.get_total_earnings_for_user_for_day(day) == []
        assert client.get_user_earnings_and_markets_config(day) == []
        assert client.get_reward_percentages() == {}

    use(work)
