"""The account's own books against the venue's: to the micro-dollar, or a fault with the numbers."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from polymm.domain.market import NS
from polymm.errors import LedgerError, VenueError
from polymm.runtime import access as access_module
from polymm.runtime import money_book
from polymm.runtime.access import Access
from polymm.runtime.money_book import MoneyBook
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.results import Balance
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType

DOLLAR = 1_000_000


class Venue:
    """Knows a balance, which changes as it is looked at."""

    def __init__(self, *balances_e6: int) -> None:
        self.balances_e6 = list(balances_e6)

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
        self.book = MoneyBook(began_ns=60 * NS, cash_start_e6=1_000 * DOLLAR)
        hidden: Any = self.access
        hidden.gateway = venue

    def clock(self) -> int:
        self.ns += NS // 2  # so that waiting ends
        return self.ns

    def check(self, passing_e6: int = 0) -> tuple[dict[str, str], list[str]]:
        return asyncio.run(self.access.check_money(self.book, passing_e6))


def test_trades_payouts_and_rebates_explain_the_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    money = Money(Venue(1_002_500_001), monkeypatch, rebates_e6=1_500_001)
    money.book.moved_e6 = DOLLAR
    facts, faults = money.check()
    assert faults == []
    assert "1,002.500001 after, of that 1.500001 rebates" in facts["balance at the venue"]


def test_what_is_on_its_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Venue(995 * DOLLAR, 995 * DOLLAR, 1_000 * DOLLAR)
    assert Money(venue, monkeypatch).check()[1] == []


def test_a_micro_dollar_is_a_fault_with_all_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    money = Money(Venue(1_000 * DOLLAR - 1), monkeypatch)
    money.book.moved_e6 = -9
    _, (fault,) = money.check(passing_e6=2)
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


def test_a_book_goes_on_from_what_there_was_before_the_first_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    money = Money(Venue(900 * DOLLAR, 950 * DOLLAR), monkeypatch, rebates_e6=3)
    book = MoneyBook.load(tmp_path / "money.json")
    asyncio.run(money.access.begin_money(book))
    assert (book.cash_start_e6, book.rebates_start_e6, book.began_ns > 0) == (900 * DOLLAR, 3, True)
    book.settle("0x1", 7, 1)
    book.settle("0x1", 7, 1)  # a crash may have come between its file and its journal
    book.settle("0x2", -2, 0)
    book.save(tmp_path / "money.json")
    again = MoneyBook.load(tmp_path / "money.json")
    assert again == book
    assert (again.moved_e6, again.owed_e6) == (5, 1)
    asyncio.run(money.access.begin_money(again))
    assert again.cash_start_e6 == 900 * DOLLAR


def test_a_book_forgets_old_windows_and_not_their_money(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money_book, "WINDOWS_MAX", 3)
    book = MoneyBook()
    for number in range(10):
        book.settle(str(number), 1, 0)
    assert (list(book.windows), book.moved_e6) == (["7", "8", "9"], 10)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"x": 1}', '{"moved_e6": "1"}', '{"moved_e6": true}', '{"windows": 1}']
)
def test_a_book_that_a_run_did_not_leave_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "money.json"
    path.write_text(text)
    with pytest.raises(LedgerError, match="is not what a run left there"):
        MoneyBook.load(path)
    with pytest.raises(LedgerError, match="cannot be written"):
        MoneyBook().save(tmp_path / "no" / "money.json")
