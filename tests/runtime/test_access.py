"""The account's own books against the venue's: to the micro-dollar, or a fault with the numbers."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest

from polymm.domain.market import NS
from polymm.errors import VenueError
from polymm.runtime import access as access_module
from polymm.runtime.access import Access
from polymm.runtime.account_book import AccountBook
from polymm.runtime.dispatch import Dispatch
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.results import Balance, PlaceState, TradeRecord
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.skew import ClockSkew
from polymm.venues.polymarket.wire import SignatureType
from tests.runtime.test_dispatch import MARKET, SHARE, Scene
from tests.support.fake_entry import FakeEntry

DOLLAR = 1_000_000


class Venue(FakeEntry):
    """Also knows a balance, which changes as it is looked at."""

    def __init__(self, *balances_e6: int) -> None:
        super().__init__()
        self.balances_e6 = list(balances_e6)
        self.skew = ClockSkew()
        self.asked_s: list[int] = []

    async def trades(self, condition_id: str = "", after_s: int = 0) -> list[TradeRecord]:
        self.asked_s.append(after_s)
        return await super().trades(condition_id, after_s)

    async def balance(self, token_id: str = "") -> Balance:
        if not self.balances_e6:
            raise VenueError("timeout", "no answer", is_known=False)
        left = self.balances_e6
        return Balance(left.pop(0) if len(left) > 1 else left[0], {})


class Reads:
    def __init__(self, rebates_e6: int = 0) -> None:
        self.rebates = rebates_e6

    async def rebates_e6(self, wallet: str, date: str) -> int:
        return self.rebates


class Money:
    """An access that never connected, over a venue and a clock of the scene's."""

    def __init__(self, venue: Venue, monkeypatch: pytest.MonkeyPatch, rebates_e6: int = 0) -> None:
        monkeypatch.setattr(access_module, "MONEY_LOOK_S", 0.0)
        self.ns = 70 * NS
        key = SigningKey(Secret("11" * 32))
        self.access = Access(
            Hosts(),
            Wallet(key=key, signature_type=SignatureType.EOA),
            ApiCredentials(Secret("key"), Secret("c2VjcmV0"), Secret("pass")),
            Reads(rebates_e6),  # type: ignore[arg-type]
            rng=random.Random(1),
            clock_ns=self.clock,
        )
        self.book = AccountBook(self.clock)
        hidden: Any = self.access
        hidden.gateway, hidden._book = venue, self.book
        self.access.cash_start_e6 = 1_000 * DOLLAR

    def clock(self) -> int:
        self.ns += NS // 2  # so that waiting ends
        return self.ns

    def check(self) -> tuple[dict[str, str], list[str]]:
        return asyncio.run(self.access.check_money())


def test_trades_payouts_and_rebates_explain_the_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    money = Money(Venue(1_002_500_001), monkeypatch, rebates_e6=1_500_001)
    money.book.cash_e6 = DOLLAR
    facts, faults = money.check()
    assert faults == []
    assert "1,002.500001 after, of that 1.500001 rebates" in facts["balance at the venue"]


def test_what_is_on_its_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Venue(995 * DOLLAR, 995 * DOLLAR, 1_000 * DOLLAR)
    assert Money(venue, monkeypatch).check()[1] == []


def test_a_micro_dollar_is_a_fault_with_all_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    money = Money(Venue(1_000 * DOLLAR - 1), monkeypatch)
    money.book.cash_e6 = -7
    _, (fault,) = money.check()
    for number in ("999999999e-6", "999999993e-6", "1000000000 at the start", "-7 by trades"):
        assert number in fault


def test_an_unredeemed_payout_is_told_and_a_silent_venue_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    money = Money(Venue(1_000 * DOLLAR), monkeypatch)
    money.book.owed_e6 = 5 * DOLLAR
    facts, faults = money.check()
    assert facts["not redeemed"].startswith("5.000000 dollars")
    assert faults == []
    assert "cannot be read" in Money(Venue(), monkeypatch).check()[1][0]


class OneDesk:
    """As much of a desk as the account's book asks for."""

    def __init__(self, scene: Scene) -> None:
        self.market = MARKET
        self.dispatch: Dispatch = scene.dispatch

    def take_fill(self, fill: Any, news: Any) -> None:
        self.dispatch.take_fill(fill)


def test_a_gap_is_read_again_and_what_vanished_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    rests, gone, fresh = (scene.place(number) for number in (1, 2, 3))
    for order_id in (rests, gone, fresh):
        scene.entry.answer(order_id, PlaceState.LIVE)
    scene.dispatch.sent[1].sent_ns = scene.dispatch.sent[2].sent_ns = 10 * NS
    venue = Venue(DOLLAR)
    venue.orders = scene.entry.orders
    venue.list_order(rests, matched_e6=0)
    venue.list_trade(rests, 2 * SHARE)
    money = Money(venue, monkeypatch)
    desk: Any = OneDesk(scene)
    money.book.add(desk)
    work: Any = money.access
    asyncio.run(work._reconcile(60 * NS))
    assert scene.dispatch.sent[1].booked_e6 == 2 * SHARE
    assert scene.doubted == [scene.dispatch.sent[2]]
    assert money.access.counts["doubted"] == 1


def test_an_order_that_is_not_ours_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    venue = Venue(DOLLAR)
    venue.orders = scene.entry.orders
    venue.list_order(scene.place())
    money = Money(venue, monkeypatch)
    work: Any = money.access
    asyncio.run(work._reconcile(60 * NS))
    assert money.access.counts["unknown_orders"] == 1


def test_a_gap_that_could_not_be_read_is_read_again_from_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = Venue(DOLLAR)
    work: Any = Money(venue, monkeypatch).access

    async def scene() -> None:
        venue.is_down = True
        work._on_gap(30 * NS)
        work._on_gap(50 * NS)
        await work._tasks.wait()
        assert work._unread_ns == 30 * NS
        venue.is_down = False
        await work._reconcile(60 * NS)
        assert work._unread_ns is None

    asyncio.run(scene())
    assert venue.asked_s[-1] == 30 - access_module.OVERLAP_S


def test_trades_are_asked_for_by_the_venues_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Venue(DOLLAR)
    venue.skew.sampled(1_000, asked_ns=2_000 * NS, answered_ns=2_000 * NS)
    work: Any = Money(venue, monkeypatch).access
    asyncio.run(work._reconcile(2_060 * NS))
    assert venue.asked_s[0] in range(1_060 - access_module.OVERLAP_S, 1_062)


def test_a_trade_of_unknown_status_books_nothing_and_keeps_the_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    order_id = scene.place()
    venue = Venue(DOLLAR)
    venue.orders = scene.entry.orders
    venue.list_trade(order_id, 2 * SHARE)
    venue.traded = [replace(trade, status="PARKED") for trade in venue.traded]
    money = Money(venue, monkeypatch)
    desk: Any = OneDesk(scene)
    money.book.add(desk)
    work: Any = money.access
    work._unread_ns = 60 * NS
    asyncio.run(work._reconcile(60 * NS))
    assert scene.dispatch.sent[1].booked_e6 == 0
    assert money.access.counts["reconcile_bad_reply"] == 1
    assert work._unread_ns == 60 * NS
