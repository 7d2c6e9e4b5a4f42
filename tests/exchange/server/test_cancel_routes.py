"""Cancels over HTTP: by id, by market, all of them; why some are not cancelled."""

from polymm.domain.order import Token
from polymm.exchange.server.settings import Buckets
from polymm.exchange.windows import WindowSettings
from tests.support.guests import Party, play

GHOST = "0x" + "ab" * 32


def test_one_order_is_cancelled_and_a_second_cancel_says_why_not() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        (order_id,) = await guest.rest(1)
        first = await guest.call("DELETE", "/order", {"orderID": order_id})
        assert (first.status, first.body) == (200, {"canceled": [order_id], "not_canceled": {}})
        again = await guest.call("DELETE", "/order", {"orderID": order_id})
        assert again.body == {
            "canceled": [],
            "not_canceled": {order_id: "already canceled or matched"},
        }
        assert guest.wallet.reserved["cash"] == 0

    play(scene)


def test_many_are_answered_one_by_one() -> None:
    async def scene(one: Party) -> None:
        guest, other = one.guest(), one.guest()
        mine, foreign = await guest.rest(3), await other.rest(1)
        await other.sell(5, 10)  # takes the best of the others' bids
        sold = next(order_id for order_id in mine if order_id not in guest.open_ids())
        reply = await guest.cancel(*mine, *foreign, GHOST, mine[0])
        left = [order_id for order_id in mine if order_id != sold]
        assert reply.status == 200
        assert reply.body == {
            "canceled": left,
            "not_canceled": {
                sold: "Order already matched",
                foreign[0]: "Order not found or already canceled",
                GHOST: "Order not found or already canceled",
            },
        }
        assert other.open_ids() == foreign

    play(scene)


def test_a_market_or_a_token_or_all_can_be_cancelled() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        up, down = await guest.rest(2), await guest.rest(2, Token.DOWN)
        path = "/cancel-market-orders"
        none = await guest.call("DELETE", path, {"market": "0x" + "12" * 32})
        assert none.body == {"canceled": [], "not_canceled": {}}
        token = one.listing.token_id(Token.DOWN)
        assert (await guest.call("DELETE", path, {"asset_id": token})).body["canceled"] == down
        market = one.listing.condition_id
        assert (await guest.call("DELETE", path, {"market": market})).body["canceled"] == up
        every = await guest.rest(2) + await guest.rest(1, Token.DOWN)
        assert (await guest.call("DELETE", path, {})).body["canceled"] == every
        every = await guest.rest(2)
        assert (await guest.call("DELETE", "/cancel-all")).body["canceled"] == every

    play(scene)


def test_a_condition_without_its_padding_names_its_market_too() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = await guest.rest(1)
        market = one.listing.condition_id
        assert market.endswith("00")
        reply = await guest.call("DELETE", "/cancel-market-orders", {"market": market[:-2]})
        assert reply.body["canceled"] == ids

    play(scene, windows=WindowSettings(version="v2", taker_delay_ns=0))


MALFORMED = (
    ("/order", b"", "Invalid order payload"),
    ("/order", b"[]", "Invalid order payload"),
    ("/order", b'{"orderID":7}', "Invalid orderID"),
    ("/order", b'{"orderID":"0x12"}', "Invalid orderID"),
    ("/order", b"{}", "Invalid orderID"),
    ("/orders", b"[]", "Invalid order payload"),
    ("/orders", b'{"0":1}', "Invalid order payload"),
    ("/orders", b'["0x12"]', "Invalid orderID"),
    ("/orders", b"[[]]", "Invalid orderID"),
    ("/cancel-market-orders", b"[]", "Invalid order payload"),
    ("/cancel-market-orders", b'{"market":1}', "Invalid order payload"),
    ("/cancel-market-orders", b"\xff", "Invalid order payload"),
)


def test_a_malformed_cancel_cancels_nothing() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = await guest.rest(1)
        for path, body, text in MALFORMED:
            reply = await guest.call("DELETE", path, body)
            assert (reply.status, reply.body) == (400, {"error": text}), (path, body)
        assert guest.open_ids() == ids

    play(scene)


def test_a_thousand_ids_are_the_most() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = [f"0x{i:064x}" for i in range(1_001)]
        reply = await guest.cancel(*ids)
        assert reply.body == {"error": "Too many orders in payload, max allowed: 1000"}
        assert len((await guest.cancel(*ids[:1_000])).body["not_canceled"]) == 1_000

    play(scene, buckets=Buckets(cancel_rate=0))
