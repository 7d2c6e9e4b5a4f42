"""Our feeds understand the contract of the sockets: a venue says what each talk says it says."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from polymm._core.layout import ASK, BID
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.user_events import own_fills
from polymm.venues.polymarket.user_feed import UserFeed, UserFeedSettings
from tests.contract import market_socket, user_socket
from tests.contract.patterns import differences, filled
from tests.contract.socket_cases import Hears, HearsAll, Means, Talk
from tests.support import feed_venue
from tests.support.feeds import MARKET_ONE, MS, PARAMS
from tests.support.gateways import KEY_ID, PASSPHRASE, SECRET, credentials
from tests.support.loopback import until
from tests.support.market_scene import CALM, opened
from tests.support.wire import DOWN, MARKET, UP

NAMES = {
    "UP": UP,
    "DOWN": DOWN,
    "MARKET": MARKET,
    "A": "0x" + "0a" * 32,
    "T": "0x" + "7a" * 32,
    "OWNER": KEY_ID,
    "WALLET": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "SECRET": SECRET,
    "PASSPHRASE": PASSPHRASE,
}
# What our client says first matches what the exchange's talks begin with.
MARKET_FIRST = market_socket.first("UP", "DOWN", custom_feature_enabled=True)
QUICK = UserFeedSettings(backoff_base_ns=2 * MS, backoff_ns_max=5 * MS, check_ns=2 * MS)


def said(line: Any) -> list[Any]:
    """What the venue says in a line of a script, every hole filled."""
    match line:
        case Hears(pattern):
            return [filled(pattern, NAMES)]
        case HearsAll(patterns):
            return [filled(pattern, NAMES) for pattern in patterns]
        case _:
            return []


def facts_of(market: FeedMarket, names: Any) -> dict[str, Any]:
    """What our client believes of a market, of what was asked."""
    book = market.book
    known = {
        "bids": book.levels(BID),
        "asks": book.levels(ASK),
        "tick_e4": book.tick_e4,
        "has_epoch": market.has_epoch,
        "last_trade_e4": book.last_trade_e4,
        "winner": market.winner,
    }
    return {name: known[name] for name in names}


MARKET_TALKS = [talk for talk in (*market_socket.CASES, *market_socket.ENDINGS) if talk.is_read]


@pytest.mark.parametrize("talk", MARKET_TALKS, ids=lambda talk: talk.scene)
def test_our_market_feed(talk: Talk) -> None:
    async def scene() -> None:
        async with asyncio.timeout(5), opened(CALM) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: len(it.venue.live) == 2 and all(t.asked for t in it.venue.live))
            for one in it.venue.live:
                assert differences(MARKET_FIRST.message, one.asked[0], NAMES) == []
            for line in talk.script:
                for one in it.venue.live:
                    one.say(*said(line))
                if isinstance(line, Means):
                    await believed(market, line.facts)

    asyncio.run(scene())


async def believed(market: FeedMarket, facts: dict[str, Any]) -> None:
    """Wait until our client believes it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await until(lambda: facts_of(market, facts) == facts)
    assert facts_of(market, facts) == facts


@pytest.mark.parametrize(
    "talk", [talk for talk in user_socket.CASES if talk.is_read], ids=lambda talk: talk.scene
)
def test_our_user_feed(talk: Talk) -> None:
    async def scene() -> None:
        events: list[Any] = []
        async with asyncio.timeout(5), feed_venue.feed_venue() as venue:
            feed = UserFeed(
                venue.url,
                credentials(),
                lambda event, _: events.append(event),
                lambda _: None,
                rng=random.Random(1),
                settings=QUICK,
            )
            await feed.open()
            try:
                await until(lambda: any(one.asked for one in venue.live))
                (one,) = venue.live
                assert differences(user_socket.FIRST.message, one.asked[0], NAMES) == []
                for line in talk.script:
                    one.say(*said(line))
                    if isinstance(line, Means):
                        await told(events, line.facts)
            finally:
                await feed.close()

    asyncio.run(scene())


async def told(events: list[Any], facts: list[dict[str, Any]]) -> None:
    """Wait for so many events and hold them against facts."""
    await until(lambda: len(events) >= len(facts))
    for event, wanted in zip(events, facts, strict=True):
        told_facts = filled(wanted, NAMES)
        fills = told_facts.pop("fills", None)
        assert {name: getattr(event, name) for name in told_facts} == told_facts
        if fills is not None:
            found = own_fills(event, KEY_ID, (), "")
            assert [{name: getattr(one, name) for name in fills[0]} for one in found] == fills
    events.clear()
