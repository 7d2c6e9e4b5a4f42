"""The market socket: who hears what, and that the books kept from it are the exchange's."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import orjson

from benches.path.channel_audit import BAD_FLAGS, ChannelAudit
from polymm.domain.order import Side, Token
from polymm.exchange.dealing import Placed
from polymm.exchange.entry import OrderRequest
from polymm.exchange.faults import Fault
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.listing import Listing
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.server.app import Served
from polymm.exchange.server.pump import Message
from polymm.exchange.windows import WindowSettings
from tests.support.ears import Ear, attend, deaf, listening, market, running
from tests.support.guests import Guest, Party, party, play


def tokens_of(listing: Listing) -> tuple[str, str]:
    return listing.token_id(Token.UP), listing.token_id(Token.DOWN)


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


# The books


class Follower:
    """Keeps books from one socket, and compares them with the exchange's after every turn of it."""

    def __init__(self, served: Served, listing: Listing) -> None:
        self.audit = ChannelAudit([tokens_of(listing)])
        self._listing = listing
        # Both sides of the ladder as they are when a message was the last of its turn.
        self._true: dict[bytes, tuple[list[tuple[int, int]], ...]] = {}
        served.hall.listeners.append(self._note)

    def _note(self, messages: Sequence[Message]) -> None:
        tokens = set(tokens_of(self._listing))
        told = [
            one.payload
            for one in messages
            if isinstance(one, MarketMessage) and not tokens.isdisjoint(one.tokens)
        ]
        ladder = self._listing.ladder
        bids = [(price, ladder.size_e6(BID, price)) for price in reversed(ladder.prices[BID])]
        asks = [(price, ladder.size_e6(ASK, price)) for price in ladder.prices[ASK]]
        self._true |= dict.fromkeys(told[-1:], (bids, asks))

    async def follow(self, ear: Ear, turns: int) -> None:
        """Take messages in until the books were compared so often."""
        while turns:
            payload = (await ear.raw()).encode()
            self.audit.take(payload)
            if payload in self._true:
                book, _ = self.audit.books[self._listing.token_id(Token.UP)]
                assert (book.levels(BID), book.levels(ASK)) == self._true[payload]
                turns -= 1


def test_books_kept_from_the_socket_are_the_exchanges_at_every_turn() -> None:
    async def scene(served: Served) -> None:
        listing = running(served)
        follower = Follower(served, listing)
        first = market(*tokens_of(listing), custom=True)
        async with listening(served.urls["ws_market"], first) as ear:
            await follower.follow(ear, turns=300)
        assert not follower.audit.false
        assert follower.audit.true_count > 600
        assert not follower.audit.flags & BAD_FLAGS

    attend(scene)


def test_who_comes_in_the_middle_gets_a_dump_that_all_later_messages_continue() -> None:
    async def scene(served: Served) -> None:
        listing, url = running(served), served.urls["ws_market"]
        tokens = tokens_of(listing)

        async def come_late(number: int) -> ChannelAudit:
            audit = ChannelAudit([tokens])
            await asyncio.sleep(number * 0.003)
            async with listening(url, market(*tokens[: 1 + number % 2])) as ear:
                for i in range(60):
                    if i == 20:
                        await ear.say({"operation": "subscribe", "assets_ids": tokens})
                    audit.take((await ear.raw()).encode())
            return audit

        for audit in await asyncio.gather(*(come_late(number) for number in range(12))):
            assert not audit.false
            assert not audit.flags & BAD_FLAGS
            assert audit.true_count > 60

    attend(scene, 1_500.0)


def test_what_is_in_flight_when_somebody_comes_goes_to_the_others_only() -> None:
    async def scene(one: Party) -> None:
        guest, (up, down) = one.guest(), tokens_of(one.listing)
        url = one.served.urls["ws_market"]
        async with listening(url, market(up)) as early, listening(url, market()) as late:
            assert (len(await early.hear()), await late.hear()) == (1, [])
            # Carried out, but not told yet, when the server reads the frame.
            one.hall.pump.stop()
            for cents in (40, 41, 42):
                place(one, guest, cents)
            await late.say({"operation": "subscribe", "assets_ids": [up, down]})
            dump = await late.hear()
            assert [level["price"] for level in dump[0]["bids"]] == ["0.4", "0.41", "0.42"]
            one.hall.pump.start()
            await late.quiet()
            for price in ("0.4", "0.41", "0.42"):
                assert (await early.hear())["price_changes"][0]["price"] == price

    play(scene)


def place(one: Party, guest: Guest, cents: int) -> None:
    """Place an order past the network, and without waking the pump."""
    request = OrderRequest(
        order_id=f"0x{cents:064x}",
        wallet=guest.wallet,
        owner=guest.key_id,
        token_id=one.listing.token_id(Token.UP),
        side=Side.BUY,
        maker_amount_e6=cents * 100_000,
        taker_amount_e6=10_000_000,
    )
    assert isinstance(one.hall.exchange.place(one.hall.now_ns(), request), Placed)


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


def test_a_silence_ends_with_a_gap() -> None:
    async def scene(served: Served) -> None:
        tokens = tokens_of(running(served))
        audit = ChannelAudit([tokens])
        async with listening(served.urls["ws_market"], market(*tokens)) as ear:
            audit.take((await ear.raw()).encode())
            served.hall.faults.set(Fault.MARKET_SILENT, 1.0, limit=1, lasts_ms=(200, 200))
            for _ in range(100):
                audit.take((await ear.raw()).encode())
            assert audit.false, "what was missed is not told again"

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
