"""The user feed before the local exchange: however it is told, every fill counts once."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from polymm.domain.order import Side, Token
from polymm.engine.evidence import FillTold
from polymm.engine.fill_ledger import FillLedger, FillNews
from polymm.exchange.faults import Fault
from polymm.exchange.rules import Rules
from polymm.runtime.venue_words import fills_told
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.user_events import (
    OrderEvent,
    TradeEvent,
    TradeStatus,
    own_fills,
)
from polymm.venues.polymarket.user_feed import UserFeed, UserFeedSettings
from tests.support.fault_matrix import turns_on
from tests.support.guests import CHEAP, Guest, Party, play
from tests.support.loopback import until

MS = 1_000_000


class Heard:
    """A user feed of one guest, and its fills counted once each."""

    def __init__(self, guest: Guest, url: str) -> None:
        self.guest = guest
        self.events: list[OrderEvent | TradeEvent] = []
        self.gaps: list[int] = []
        self.fills: list[FillTold] = []
        self.news: list[FillNews] = []
        self.book = FillLedger()
        mine = guest.account.credentials
        self.feed = UserFeed(
            url,
            ApiCredentials(
                Secret(mine["apiKey"]), Secret(mine["secret"]), Secret(mine["passphrase"])
            ),
            self._on_event,
            self.gaps.append,
            rng=random.Random(1),
            settings=UserFeedSettings(
                check_ns=5 * MS, backoff_base_ns=5 * MS, backoff_ns_max=10 * MS
            ),
        )

    def _on_event(self, event: OrderEvent | TradeEvent, recv_ns: int) -> None:
        self.events.append(event)
        if isinstance(event, TradeEvent):
            market = self.guest.listing.market
            self.fills += fills_told(event, market, self.guest.key_id, (), recv_ns)
            self.news += [self.book.apply(fill) for fill in self.fills[len(self.news) :]]

    @property
    def up_e6(self) -> int:
        return self.book.position(self.guest.listing.condition_id, Token.UP).booked_e6

    @property
    def statuses(self) -> list[TradeStatus]:
        return [event.status for event in self.events if isinstance(event, TradeEvent)]


QUICK_RULES = Rules(mined_ms=(20, 40), confirmed_ms=(20, 40), retry_ms=(10, 20))


def play_user(scene: Callable[[Party, Heard, Guest], Awaitable[None]]) -> None:
    """A listening guest, and another one who meets the listener's orders."""

    async def run(party: Party) -> None:
        ann, bob = party.guest(), party.guest()
        heard = Heard(ann, party.served.urls["ws_user"])
        await heard.feed.open()
        try:
            await until(lambda: heard.feed.is_live)
            await scene(party, heard, bob)
        finally:
            await heard.feed.close()

    play(run, **CHEAP | {"rules": QUICK_RULES})


async def meet(heard: Heard, bob: Guest, times: int = 1) -> None:
    for _ in range(times):
        await heard.guest.buy(40, 10)
        await bob.sell(40, 10)


def test_a_fill_is_heard_through_to_its_end() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        await meet(heard, bob)
        await until(lambda: TradeStatus.CONFIRMED in heard.statuses)
        assert heard.news == [FillNews.NEW, FillNews.STATUS, FillNews.STATUS]
        assert heard.up_e6 == 10_000_000
        changes = [event for event in heard.events if isinstance(event, OrderEvent)]
        assert [event.matched_e6 for event in changes] == [0, 10_000_000]
        assert changes[0].status == "LIVE"

    play_user(scene)


def test_the_taker_hears_of_its_own_side_and_exact_cash() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        await bob.sell(40, 6)
        await bob.buy(58, 10, Token.DOWN)
        await heard.guest.buy(42, 10)
        await until(lambda: bool(heard.statuses))
        (event, *_) = (one for one in heard.events if isinstance(one, TradeEvent))
        (fill,) = own_fills(event, heard.guest.key_id, set(), heard.guest.signing.funder)
        assert (fill.is_maker, fill.side, fill.size_e6) == (False, Side.BUY, 10_000_000)
        assert fill.cash_e10 == 6_000_000 * 4_000 + 4_000_000 * 4_200

    play_user(scene)


NEWS = {
    Fault.USER_DUPLICATED: FillNews.OLD,
    Fault.USER_REORDERED: FillNews.NEW,
    Fault.USER_MINED_FIRST: FillNews.OLD,
    Fault.USER_STATUS_SKIPPED: FillNews.NEW,
    Fault.USER_FILL_LATE: FillNews.NEW,
    Fault.TRADE_RETRIED: FillNews.STATUS,
}


@turns_on(*NEWS)
@pytest.mark.parametrize("fault", NEWS)
def test_however_it_is_told_each_fill_counts_once(fault: Fault) -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(fault, 1.0, lasts_ms=(5, 60))
        await meet(heard, bob, times=3)
        await until(lambda: heard.statuses.count(TradeStatus.CONFIRMED) >= 3)
        await until(lambda: NEWS[fault] in heard.news)
        await asyncio.sleep(0.07)
        assert heard.news.count(FillNews.NEW) == 3
        assert heard.up_e6 == 30_000_000

    play_user(scene)


@turns_on(Fault.TRADE_FAILED)
def test_a_trade_that_fails_is_undone() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.TRADE_FAILED, 1.0)
        await meet(heard, bob, times=2)
        await until(lambda: heard.news.count(FillNews.VOIDED) == 2)
        assert heard.up_e6 == 0

    play_user(scene)


@turns_on(Fault.FILL_SHORT)
def test_an_order_that_is_done_a_hundredth_early_says_so() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.FILL_SHORT, 1.0, limit=1)
        await meet(heard, bob)
        await until(lambda: TradeStatus.CONFIRMED in heard.statuses)
        assert heard.up_e6 == 9_990_000
        (last,) = (one for one in heard.events if isinstance(one, OrderEvent) and one.matched_e6)
        assert (last.status, last.matched_e6, last.size_e6) == ("MATCHED", 9_990_000, 10_000_000)
        assert heard.guest.open_ids() == []

    play_user(scene)


@turns_on(Fault.FILL_EXCEEDED)
def test_an_order_that_is_filled_beyond_its_size_says_so() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.FILL_EXCEEDED, 1.0, limit=1)
        await heard.guest.buy(40, 10)
        await bob.sell(40, 11)
        await until(lambda: TradeStatus.CONFIRMED in heard.statuses)
        assert heard.up_e6 == 10_010_000
        (last,) = (one for one in heard.events if isinstance(one, OrderEvent) and one.matched_e6)
        assert (last.status, last.matched_e6, last.size_e6) == ("MATCHED", 10_010_000, 10_000_000)
        assert heard.guest.open_ids() == []

    play_user(scene)


@turns_on(Fault.USER_CLOSED)
def test_a_torn_user_socket_is_a_gap() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.USER_CLOSED, 1.0, limit=1)
        await heard.guest.buy(30, 10)
        await until(lambda: len(heard.gaps) == 2)
        assert heard.events == []
        assert heard.feed.counts["ended_closed_1006"] == 1
        await heard.guest.buy(31, 10)
        await until(lambda: len(heard.events) == 1)

    play_user(scene)


@turns_on(Fault.ORDER_CANCELED, Fault.USER_POST_ONLY_EVENT)
def test_venue_cancels_and_refusals_are_named() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.ORDER_CANCELED, 1.0, lasts_ms=(5, 10))
        await heard.guest.buy(30, 10)
        await until(lambda: len(heard.events) == 2)
        assert isinstance(heard.events[1], OrderEvent)
        assert heard.events[1].status == "INVALID"
        party.hall.faults.clear()

        await bob.sell(40, 10)
        party.hall.faults.set(Fault.USER_POST_ONLY_EVENT, 1.0)
        await heard.guest.buy(41, 10, post_only=True)
        await until(lambda: len(heard.events) == 3)
        assert isinstance(heard.events[2], OrderEvent)
        assert heard.events[2].status == "UNMATCHED"
        assert "crosses" in heard.events[2].reason

    play_user(scene)
