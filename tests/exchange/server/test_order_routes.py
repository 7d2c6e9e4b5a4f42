"""Orders over HTTP: what is taken in, what is refused in which words, and that nothing is kept."""

import time
from decimal import Decimal

import orjson
import pytest

from polymm.domain.amounts import Amounts
from polymm.domain.order import Side, Token
from polymm.exchange.trading import Mode
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.wire import SignatureType
from tests.support.guests import DOLLAR, SHARE, Guest, Party, play


def changed(body: bytes, **values: object) -> bytes:
    """Replace values of a posted order, of its inner object where they stand there."""
    posted = orjson.loads(body)
    for key, value in values.items():
        (posted if key in posted else posted["order"])[key] = value
    return orjson.dumps(posted)


async def refused(guest: Guest, body: bytes, status: int, text: str) -> None:
    reply = await guest.call("POST", "/order", body)
    assert (reply.status, reply.body["error"]) == (status, text), reply
    assert not guest.open_ids()
    assert not any(guest.wallet.reserved.values())


@pytest.mark.parametrize("kind", SignatureType)
def test_an_order_of_each_wallet_rests_under_the_id_its_sender_knows(kind: SignatureType) -> None:
    async def scene(one: Party) -> None:
        guest = one.guest(kind)
        order_id, body = guest.order(Side.BUY, 40, 10)
        reply = await guest.call("POST", "/order", body)
        assert reply.status == 200
        assert reply.body == {
            "success": True,
            "errorMsg": "",
            "orderID": order_id,
            "status": "live",
            "takingAmount": "",
            "makingAmount": "",
            "tradeIDs": [],
            "transactionsHashes": [],
        }
        assert guest.open_ids() == [order_id]
        assert guest.wallet.reserved["cash"] == 4 * DOLLAR
        assert (await guest.sell(60, 10, Token.DOWN)).body["status"] == "live"

    play(scene)


def test_a_match_answers_amounts_in_dollars_and_shares_and_its_trade() -> None:
    async def scene(one: Party) -> None:
        maker, taker = one.guest(), one.guest(SignatureType.POLY_PROXY)
        await maker.sell(60, 10)
        bought = (await taker.buy(61, 2.5, kind="FAK")).body
        assert bought["status"] == "matched"
        # A FAK spends its dollars at the better price; lots are hundredths of a share.
        assert bought["makingAmount"] == "1.524"
        assert bought["takingAmount"] == "2.54"
        assert len(bought["tradeIDs"]) == 1
        assert bought["transactionsHashes"] == []
        sold = (await maker.sell(50, 5)).body
        assert sold["status"] == "live"
        crossing = (await taker.sell(49, 5)).body
        assert crossing["status"] == "live"
        hit = (await maker.buy(49, 5)).body
        assert (hit["makingAmount"], hit["takingAmount"]) == ("2.45", "5")

    play(scene)


def test_a_deferred_order_answers_before_its_match() -> None:
    async def scene(one: Party) -> None:
        maker, taker = one.guest(), one.guest()
        await maker.sell(60, 10)
        reply = (await taker.buy(60, 10, defer_exec=True)).body
        assert (reply["status"], reply["tradeIDs"], reply["makingAmount"]) == ("delayed", [], "")
        assert not maker.open_ids()

    play(scene)


def test_a_taker_waits_out_its_delay_uncancellable() -> None:
    async def scene(one: Party) -> None:
        maker, taker = one.guest(), one.guest()
        await maker.sell(60, 10)
        reply = (await taker.buy(60, 10)).body
        assert reply["status"] == "delayed"
        held = await taker.cancel(reply["orderID"])
        assert held.body["canceled"] == []
        assert list(held.body["not_canceled"]) == [reply["orderID"]]
        one.wait(0.2)
        assert taker.wallet.pending[one.listing.token_id(Token.UP)] == 10 * SHARE

    play(scene, windows=WindowSettings())


def test_the_float_clients_amounts_are_taken_where_they_mean_a_tick() -> None:
    async def scene(one: Party) -> None:
        maker, taker = one.guest(), one.guest()
        await maker.sell(57, 100)
        # py-clob-client-v2 signs a market buy of 10 dollars at 0.57 with shares cut to 4 digits.
        amounts = Amounts(10_000_000, 17_543_800)
        reply = await taker.buy(57, 17.54, kind="FAK", amounts=amounts)
        assert Decimal(reply.body["takingAmount"]) == Decimal("17.54")

    play(scene)


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"cents": 40, "shares": 4}, 400, "Size (4) lower than the minimum: 5"),
        (
            {"cents": 40, "shares": 10, "amounts": Amounts(4_050_000, 10_000_000)},
            400,
            "Price (0.405) breaks minimum tick size rule: 0.01",
        ),
        (
            {"cents": 50, "shares": 30_000},
            400,
            "not enough balance / allowance: balance: 10000000000, order amount: 15000000000",
        ),
        ({"cents": 60, "shares": 10, "post_only": True}, 400, "order crosses book"),
        ({"cents": 60, "shares": 1.5}, 400, "Size (1.5) lower than the minimum: 5"),
        (
            {"cents": 60, "shares": 1.5, "kind": "FAK"},
            400,
            "invalid amount for a marketable BUY order ($0.9), min size: $1",
        ),
        ({"cents": 60, "shares": 20, "kind": "FOK"}, 400, "couldn't be fully filled"),
        ({"cents": 59, "shares": 20, "kind": "FAK"}, 400, "no orders found to match with FAK"),
        (
            {"cents": 40, "shares": 10, "kind": "GTD", "expiration_s": int(time.time()) + 90},
            400,
            "invalid expiration",
        ),
        ({"cents": 40, "shares": 10, "token_id": "123"}, 404, "No orderbook exists"),
        ({"cents": 40, "shares": 10, "market_version": "v2"}, 400, "order_version_mismatch"),
        ({"cents": 40, "shares": 10, "neg_risk": True}, 400, "order_version_mismatch"),
    ],
)
def test_what_the_market_does_not_take_is_refused_in_the_venues_words(
    more: dict[str, object], status: int, text: str
) -> None:
    async def scene(one: Party) -> None:
        maker, guest = one.guest(), one.guest()
        await maker.sell(60, 10)
        reply = await guest.post(Side.BUY, **more)  # type: ignore[arg-type]
        assert reply.status == status
        assert text in reply.body["error"]
        assert not guest.open_ids()
        assert not any(guest.wallet.reserved.values())

    play(scene)


def test_an_order_that_was_seen_before_is_refused_by_its_id() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        order_id, body = guest.order(Side.BUY, 40, 10)
        await guest.call("POST", "/order", body)
        again = await guest.call("POST", "/order", body)
        assert again.body == {"error": f"order {order_id} is invalid. Duplicated."}
        await guest.cancel(order_id)
        late = await guest.call("POST", "/order", body)
        assert late.body == {"error": f"order {order_id} is invalid. Duplicated."}

    play(scene)


def test_whose_order_it_is_is_checked_before_its_signature() -> None:
    async def scene(one: Party) -> None:
        guest, other = one.guest(), one.guest()
        _, body = guest.order(Side.BUY, 40, 10)
        wrong_owner = "the order owner has to be the owner of the API KEY"
        await refused(guest, changed(body, owner=other.key_id), 400, wrong_owner)
        wrong_signer = "the order signer address has to be the address of the API KEY"
        await refused(guest, changed(body, signer=other.signing.signer), 400, wrong_signer)
        await refused(guest, changed(body, makerAmount="4010000"), 400, "invalid signature")
        await refused(guest, changed(body, maker=other.signing.funder), 400, "invalid signature")
        forged = "0x" + "11" * 65
        await refused(guest, changed(body, signature=forged), 400, "invalid signature")
        # Both come before the market, which may be none.
        _, body = guest.order(Side.BUY, 40, 10, token_id="1")
        await refused(guest, changed(body, owner=other.key_id), 400, wrong_owner)
        await refused(guest, changed(body, signature=forged), 400, "invalid signature")
        unknown = "No orderbook exists for the requested token id"
        await refused(guest, body, 404, unknown)

    play(scene)


def test_an_order_of_the_first_generation_is_a_version_mismatch() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        posted = orjson.loads(guest.order(Side.BUY, 40, 10)[1])
        for key in ("timestamp", "metadata", "builder"):
            del posted["order"][key]
        posted["order"] |= {"taker": "0x" + "00" * 20, "nonce": "0", "feeRateBps": "0"}
        await refused(guest, orjson.dumps(posted), 400, "order_version_mismatch")

    play(scene)


def test_a_batch_answers_in_order_with_its_refusals_inside() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        orders = [guest.order(Side.BUY, 40 + i, 10) for i in range(15)]
        bodies = [orjson.loads(body) for _, body in orders]
        bodies[3]["order"]["makerAmount"] = "4300001"
        reply = await guest.call("POST", "/orders", bodies)
        assert reply.status == 200
        ids = [order_id for order_id, _ in orders]
        assert [each["orderID"] for each in reply.body] == [*ids[:3], "", *ids[4:]]
        assert reply.body[3] == {
            "success": True,
            "errorMsg": "invalid signature",
            "orderID": "",
            "status": "",
            "makingAmount": "",
            "takingAmount": "",
        }
        assert guest.open_ids() == [*ids[:3], *ids[4:]]

    play(scene)


def test_a_batch_is_refused_whole_for_its_length_or_one_malformed_entry() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        body = orjson.loads(guest.order(Side.BUY, 40, 10)[1])
        long = await guest.call("POST", "/orders", [body] * 16)
        assert long.body == {"error": "Too many orders in payload: 16, max allowed: 15"}
        for batch in ([], {}, [body, {}], [body, None], body):
            reply = await guest.call("POST", "/orders", batch)
            assert (reply.status, reply.body) == (400, {"error": "Invalid order payload"})
        assert not guest.open_ids()

    play(scene)


def test_states_are_told_before_the_body_is_read() -> None:
    async def scene(one: Party) -> None:
        guest, trading = one.guest(), one.hall.exchange.trading
        order_id, body = guest.order(Side.BUY, 40, 10)
        _, passive = guest.order(Side.BUY, 41, 10, post_only=True)
        trading.set(Mode.RESTARTING)
        assert (await guest.call("POST", "/order", b"{")).status == 425
        assert (await guest.call("POST", "/orders", b"{")).status == 425
        assert (await guest.cancel(order_id)).status == 425
        trading.set(Mode.DISABLED)
        told = await guest.call("POST", "/order", body)
        text = "Trading is currently disabled. Check polymarket.com for updates"
        assert (told.status, told.body) == (503, {"error": text})
        assert (await guest.call("DELETE", "/cancel-all")).status == 503
        trading.set(Mode.CANCEL_ONLY)
        told = await guest.call("POST", "/order", body)
        assert told.status == 503
        assert set(told.body) == {"error"}
        assert (await guest.cancel(order_id)).status == 200
        trading.set(Mode.POST_ONLY, one.hall.now_ns() + 79 * 10**9)
        told = await guest.call("POST", "/order", body)
        assert told.status == 503
        assert told.body == {
            "error": "post-only mode: only post-only orders and cancels are allowed",
            "code": "post_only_mode",
            "retry_after_seconds": 79,
        }
        assert told.headers["Retry-After"] == "79"
        forged = await guest.call("POST", "/order", changed(body, makerAmount="4010000"))
        assert forged.status == 503, "the state is told before the signature is looked at"
        assert (await guest.call("POST", "/order", passive)).status == 200
        batch = await guest.call("POST", "/orders", [orjson.loads(body)])
        assert batch.status == 200
        assert "post-only mode" in batch.body[0]["errorMsg"]
        trading.set(Mode.NORMAL)
        assert (await guest.call("POST", "/order", body)).status == 200

    play(scene)


def test_what_a_command_caused_is_told_at_once() -> None:
    async def scene(one: Party) -> None:
        guest, pump = one.guest(), one.hall.pump
        wake, calls = pump.wake, []

        def count() -> None:
            calls.append(1)
            wake()

        pump.wake = count  # type: ignore[method-assign]
        order_id, body = guest.order(Side.BUY, 40, 10)
        await guest.call("POST", "/order", body)
        assert len(calls) == 1
        await guest.call("POST", "/orders", [orjson.loads(guest.order(Side.BUY, 41, 10)[1])])
        assert len(calls) == 2
        await guest.cancel(order_id)
        assert len(calls) == 3
        await guest.call("DELETE", "/cancel-all")
        assert len(calls) == 4
        await guest.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
        assert len(calls) == 5

    play(scene)


def test_nothing_is_done_for_who_is_not_known() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        _, body = guest.order(Side.BUY, 40, 10)
        for method, path in (("POST", "/order"), ("POST", "/orders"), ("DELETE", "/cancel-all")):
            late = await guest.call(method, path, body, late_s=60)
            assert (late.status, late.body) == (401, {"error": "Unauthorized/Invalid api key"})
        assert not guest.open_ids()

    play(scene)


def test_a_window_that_is_over_takes_no_more_orders() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        one.hall.exchange.close(one.listing, one.hall.now_ns())
        text = "the market is not yet ready to process new orders"
        await refused(guest, guest.order(Side.BUY, 40, 10)[1], 400, text)

    play(scene)
