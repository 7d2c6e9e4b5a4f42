"""The user socket: who hears of which orders and trades."""

import asyncio
from typing import Any

from polymm.domain.order import Token
from polymm.exchange.faults import Fault
from polymm.exchange.server.app import Served
from tests.support.ears import listening
from tests.support.guests import Guest, Party, play


def first_frame(guest: Guest, *markets: str, **auth: object) -> dict[str, Any]:
    frame: dict[str, Any] = {"type": "user", "auth": guest.account.credentials | auth}
    return frame | {"markets": list(markets)} if markets else frame


def url_of(served: Served) -> str:
    return served.urls["ws_user"]


WRONG_AUTHS: tuple[dict[str, object], ...] = (
    {"secret": "AAAA"},
    {"passphrase": "00"},
    {"apiKey": "9180014b-33c8-9240-a14b-bdca11c0a465"},
    {"apiKey": None},
    {"apiKey": ["x"]},
    {"secret": 7},
)


def test_wrong_credentials_end_it() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for auth in WRONG_AUTHS:
            async with listening(url_of(one.served), first_frame(guest, **auth)) as ear:
                assert await ear.ended() == (1008, "invalid credentials"), auth

    play(scene)


def test_nothing_else_can_come_first() -> None:
    async def scene(one: Party) -> None:
        right = first_frame(one.guest())
        changed = [right | one for one in ({"type": "market"}, {"auth": "x"}, {"markets": [1]})]
        for first in ("PING", "{", "[]", *changed):
            async with listening(url_of(one.served), first) as ear:
                assert (await ear.ended())[0] == 1008, first

    play(scene)


def test_both_sides_hear_of_a_match_each_in_its_own_role() -> None:
    async def scene(one: Party) -> None:
        ann, bob = one.guest(), one.guest()
        url = url_of(one.served)
        async with (
            listening(url, first_frame(ann)) as ann_ear,
            listening(url, first_frame(bob)) as bob_ear,
        ):
            await asyncio.gather(ann_ear.quiet(), bob_ear.quiet())
            bid = (await ann.buy(40, 10)).body["orderID"]
            placed = await ann_ear.hear()
            assert (placed["event_type"], placed["type"], placed["id"]) == (
                "order",
                "PLACEMENT",
                bid,
            )
            assert placed["owner"] == ann.key_id
            await bob_ear.quiet()
            await bob.sell(40, 10)
            mine = await ann_ear.until(lambda event: event["event_type"] == "trade")
            theirs = await bob_ear.until(lambda event: event["event_type"] == "trade")
            assert (mine["trader_side"], theirs["trader_side"]) == ("MAKER", "TAKER")
            assert mine["id"] == theirs["id"]
            assert [maker["order_id"] for maker in mine["maker_orders"]] == [bid]

    play(scene)


def test_every_socket_of_a_key_hears_it() -> None:
    async def scene(one: Party) -> None:
        guest, url = one.guest(), url_of(one.served)
        async with listening(url, first_frame(guest)) as ear:
            async with listening(url, first_frame(guest)) as other:
                await asyncio.gather(ear.quiet(), other.quiet())
                await guest.buy(40, 10)
                assert await ear.hear() == await other.hear()
            await guest.buy(41, 10)
            assert (await ear.hear())["price"] == "0.41"

    play(scene)


def test_nothing_from_before_its_time_is_told() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        await guest.buy(40, 10)
        async with listening(url_of(one.served), first_frame(guest)) as ear:
            await ear.quiet()

    play(scene)


def test_markets_narrow_what_is_told_and_none_is_all() -> None:
    async def scene(one: Party) -> None:
        guest, market = one.guest(), one.listing.condition_id
        async with listening(url_of(one.served), first_frame(guest, "0x" + "00" * 32)) as ear:
            await ear.quiet()
            await guest.buy(40, 10)
            await ear.quiet()
            await ear.say({"operation": "subscribe", "markets": [market.upper()]})
            await ear.quiet()
            await guest.buy(41, 10, Token.DOWN)
            assert (await ear.hear())["market"] == market
            unwanted = ["0x" + "00" * 32, market]
            await ear.say({"operation": "unsubscribe", "markets": unwanted})
            await ear.quiet()
            await guest.buy(42, 10)
            assert (await ear.hear())["price"] == "0.42"

    play(scene)


def test_a_later_frame_that_says_nothing_is_answered_and_survived() -> None:
    async def scene(one: Party) -> None:
        first = first_frame(one.guest())
        async with listening(url_of(one.served), first) as ear:
            for later in ("hello", {"operation": "wait"}, {"operation": "subscribe", "markets": 1}):
                await ear.say(later)
                assert await ear.raw() == "INVALID OPERATION"
            await ear.quiet()

    play(scene)


def test_a_socket_is_torn_down_and_the_next_goes_on() -> None:
    async def scene(one: Party) -> None:
        guest, url = one.guest(), url_of(one.served)
        one.hall.faults.set(Fault.USER_CLOSED, 1.0, limit=1)
        async with listening(url, first_frame(guest)) as ear:
            await ear.quiet()
            await guest.buy(40, 10)
            assert await ear.ended() == (1006, "")
        async with listening(url, first_frame(guest)) as ear:
            await ear.quiet()
            await guest.buy(41, 10)
            assert (await ear.hear())["price"] == "0.41"

    play(scene)
