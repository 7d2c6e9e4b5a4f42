"""Books kept from the market socket are the exchange's, whenever somebody comes."""

import asyncio
from collections.abc import Sequence

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
from tests.support.ears import Ear, attend, listening, market, running, tokens_of
from tests.support.guests import Guest, Party, play


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
