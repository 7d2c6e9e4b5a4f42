"""The market socket: who hears what, and that the books kept from it are the exchange's."""

import asyncio
from contextlib import AsyncExitStack

import orjson

from polymm.domain.order import Token
from polymm.exchange.faults import Fault
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.server.app import Served
from polymm.exchange.windows import WindowSettings
from tests.support.ears import attend, deaf, listening, market, running, tokens_of
from tests.support.guests import Party, party, play

# The first frame


NO_FIRST_FRAMES: tuple[object, ...] = (
    "PING",
    "{",
    "[]",
    {"type": "user", "assets_ids": []},
    {"type": "market"},
    {"type": "market", "assets_ids": "1"},
    {"type": "market", "assets_ids": [1]},
    {"type": "market", "assets_ids": [], "custom_feature_enabled": "yes"},
    {"type": "market", "assets_ids": [], "initial_dump": 1},
    {"operation": "subscribe", "assets_ids": ["1"]},
)


def test_a_first_frame_that_is_no_subscription_ends_it() -> None:
    async def scene(one: Party) -> None:
        for first in NO_FIRST_FRAMES:
            async with listening(one.served.urls["ws_market"], first) as ear:
                assert await ear.ended() == (1008, "invalid subscription payload"), first

    play(scene)


def test_a_plain_request_is_refused() -> None:
    async def scene(one: Party) -> None:
        assert (await one.guest().call("GET", "/ws/market")).status == 400

    play(scene)


def test_the_dump_is_one_array_with_true_hashes() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for cents in (40, 42, 41):
            await guest.buy(cents, 10)
        await guest.sell(60, 7.5)
        up, down = tokens_of(one.listing)
        async with listening(one.served.urls["ws_market"], market(down, up)) as ear:
            dump = await ear.hear()
        assert [book["asset_id"] for book in dump] == [down, up]
        book = dump[1]
        assert [level["price"] for level in book["bids"]] == ["0.4", "0.41", "0.42"]
        assert book["asks"] == [{"price": "0.6", "size": "7.5"}]
        assert (book["tick_size"], book["last_trade_price"]) == ("0.01", "")
        assert dump[0]["asks"][-1] == {"price": "0.58", "size": "10"}
        for token in Token:
            rest = orjson.loads(one.listing.rest_book(token))
            told = dump[1 - token]
            assert (told["hash"], told["timestamp"]) == (rest["hash"], rest["timestamp"])

    play(scene)


def test_only_known_tokens_are_dumped_and_nobody_minds_the_others() -> None:
    async def scene(one: Party) -> None:
        up, _ = tokens_of(one.listing)
        url = one.served.urls["ws_market"]
        async with listening(url, market("1", up)) as ear, listening(url, market("1")) as other:
            assert [book["asset_id"] for book in await ear.hear()] == [up]
            assert await other.hear() == []
            await ear.quiet()

    play(scene)


def test_no_dump_where_none_is_wanted() -> None:
    async def scene(one: Party) -> None:
        first = market(*tokens_of(one.listing), initial_dump=False)
        async with listening(one.served.urls["ws_market"], first) as ear:
            await ear.quiet()
            await one.guest().buy(40, 10)
            assert (await ear.hear())["event_type"] == "price_change"

    play(scene)


# Later frames


def test_a_change_of_a_book_names_both_tokens_even_to_who_asked_for_one() -> None:
    async def scene(one: Party) -> None:
        up, down = tokens_of(one.listing)
        async with listening(one.served.urls["ws_market"], market(down)) as ear:
            await ear.hear()
            await one.guest().buy(40, 10)
            change = await ear.hear()
            assert [entry["asset_id"] for entry in change["price_changes"]] == [up, down]
            assert change["price_changes"][1]["best_ask"] == "0.6"

    play(scene)


def test_tokens_come_and_go_on_one_socket() -> None:
    async def scene(one: Party) -> None:
        guest, up, down = one.guest(), *tokens_of(one.listing)
        async with listening(one.served.urls["ws_market"], market()) as ear:
            assert await ear.hear() == []
            await guest.buy(40, 10)
            await ear.quiet()
            await ear.say({"operation": "subscribe", "assets_ids": [up]})
            assert [book["asset_id"] for book in await ear.hear()] == [up]
            await guest.buy(41, 10)
            assert (await ear.hear())["event_type"] == "price_change"
            await ear.say({"operation": "subscribe", "assets_ids": [up, down]})
            assert [book["asset_id"] for book in await ear.hear()] == [down]
            await ear.say({"operation": "unsubscribe", "assets_ids": [up, down, "1"]})
            await ear.quiet()
            await guest.buy(42, 10)
            await ear.quiet()

    play(scene)


def test_the_custom_events_are_switched_by_naming_a_token_again() -> None:
    async def scene(one: Party) -> None:
        guest, up = one.guest(), one.listing.token_id(Token.UP)
        async with listening(one.served.urls["ws_market"], market(up)) as ear:
            await ear.hear()
            await guest.buy(40, 10)
            assert (await ear.hear())["event_type"] == "price_change"
            again = {"operation": "subscribe", "assets_ids": [up], "custom_feature_enabled": True}
            await ear.say(again)
            await ear.quiet()
            await guest.buy(41, 10)
            assert (await ear.hear())["event_type"] == "price_change"
            touch = await ear.hear()
            assert (touch["event_type"], touch["best_bid"]) == ("best_bid_ask", "0.41")
            assert touch["asset_id"] == up

    play(scene)


def test_new_and_resolved_markets_are_told_to_all_who_asked_for_more() -> None:
    async def scene(one: Party) -> None:
        url = one.served.urls["ws_market"]
        async with listening(url, market(custom=True)) as ear, listening(url, market()) as plain:
            assert (await ear.hear(), await plain.hear()) == ([], [])
            one.wait(8)
            one.hall.pump.wake()
            kinds = {(await ear.hear())["event_type"] for _ in range(2)}
            assert kinds == {"new_market", "market_resolved"}
            await plain.quiet()

    play(scene, windows=WindowSettings(length_s=6))


def test_a_later_frame_that_says_nothing_is_answered_and_survived() -> None:
    async def scene(one: Party) -> None:
        first: object = market()
        async with listening(one.served.urls["ws_market"], first) as ear:
            assert await ear.hear() == []
            for later in ("hello", first, {"operation": "subscribe"}, "[1]"):
                await ear.say(later)
                assert await ear.raw() == "INVALID OPERATION"
            await ear.quiet()

    play(scene)


def test_pings_of_the_protocol_are_answered() -> None:
    async def scene(one: Party) -> None:
        async with listening(one.served.urls["ws_market"], market()) as ear:
            await (await ear.connection.ping(b"still there?"))

    play(scene)


# The wire


def test_frames_of_every_length_have_the_right_head() -> None:
    async def scene(one: Party) -> None:
        async with listening(one.served.urls["ws_market"], market(custom=True)) as ear:
            assert await ear.hear() == []
            for length in (0, 1, 125, 126, 127, 65_535, 65_536, 300_000):
                payload = b"x" * length
                message = MarketMessage(0, "0x", (), payload, is_custom=True)
                one.hall.exchange.outbox.append(message)
                one.hall.pump.flush()
                assert await ear.raw() == payload.decode()

    play(scene)


# Slow ones, and faults


def test_who_does_not_read_is_cut_off_and_counted() -> None:
    async def scene(one: Party) -> None:
        url, hall = one.served.urls["ws_market"], one.hall
        message = MarketMessage(0, "0x", (), b"x" * 50_000, is_custom=True)
        async with listening(url, market(custom=True)) as quick, deaf(url, market(custom=True)):
            assert await quick.hear() == []
            for _ in range(400):
                hall.exchange.outbox.append(message)
                hall.pump.flush()
                assert len(await quick.raw()) == 50_000
                if hall.slow_count:
                    break
            assert hall.slow_count == 1
            hall.exchange.outbox.append(message)
            hall.pump.flush()
            await quick.raw()

    play(scene, socket_bytes_max=1 << 20)


def test_a_silent_socket_still_answers_pings_and_the_others_go_on() -> None:
    async def scene(served: Served) -> None:
        first, url = market(*tokens_of(running(served))), served.urls["ws_market"]
        async with listening(url, first) as ear, listening(url, first) as other:
            await ear.hear()
            await other.hear()
            served.hall.faults.set(Fault.MARKET_SILENT, 1.0, limit=1)
            while not served.hall.faults.struck[Fault.MARKET_SILENT]:
                await asyncio.sleep(0.001)
            await ear.say("PING")
            while await ear.raw() != "PONG":
                pass
            for _ in range(20):
                await other.hear()
            await ear.quiet()

    attend(scene)


def test_the_dump_of_a_token_goes_missing() -> None:
    async def scene(one: Party) -> None:
        up, down = tokens_of(one.listing)
        one.hall.faults.set(Fault.MARKET_BOOK_MISSING, 1.0, limit=1)
        async with listening(one.served.urls["ws_market"], market(up, down)) as ear:
            assert [book["asset_id"] for book in await ear.hear()] == [down]
            await one.guest().buy(40, 10)
            assert (await ear.hear())["event_type"] == "price_change"

    play(scene)


def test_a_socket_is_torn_down_without_good_bye() -> None:
    async def scene(served: Served) -> None:
        first, url = market(*tokens_of(running(served))), served.urls["ws_market"]
        async with listening(url, first) as ear:
            await ear.hear()
            served.hall.faults.set(Fault.MARKET_CLOSED, 1.0, limit=1)
            assert await ear.ended() == (1006, "")
        async with listening(url, first) as ear:
            await ear.hear()
            await ear.hear()

    attend(scene)


def test_all_are_told_good_bye_when_the_exchange_stops() -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            async with party() as one:
                urls = [one.served.urls[name] for name in ("ws_market", "ws_user", "rtds")]
                ears = [await stack.enter_async_context(listening(url)) for url in urls]
            for ear in ears:
                assert await ear.ended() == (1001, "exchange stops")

    asyncio.run(run())
