"""Reference prices on loopback sockets: PolyBolt first, the legacy socket when that fails."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from polymm.venues.polymarket.reference import (
    Price,
    PriceKind,
    ReferenceFeed,
    ReferenceSettings,
)
from tests.support.feed_venue import FeedVenue, Talk, feed_venue
from tests.support.loopback import Stage, until
from tests.venues.polymarket.test_prices import AT_MS, point, polybolt, rtds
from tests.venues.polymarket.test_user_feed import CREDENTIALS

MS = 1_000_000
FAST = ReferenceSettings(
    age_ns_max=100 * MS,
    stale_ns_max=40 * MS,
    drain_ns_max=5 * MS,
    ping_ns=20 * MS,
    pong_ns_max=30 * MS,
    check_ns=2 * MS,
    backoff_base_ns=2 * MS,
    backoff_ns_max=5 * MS,
)
SPOT, TWAP = PriceKind.SPOT, PriceKind.TWAP


@dataclass
class Scene:
    """A feed with both its venues, and what it told."""

    main: FeedVenue
    legacy: FeedVenue
    feed: ReferenceFeed
    prices: list[Price] = field(default_factory=list)


@asynccontextmanager
async def opened(
    settings: ReferenceSettings = FAST, *, with_key: bool = True, **options: Any
) -> AsyncIterator[Scene]:
    async with feed_venue(**options) as main, feed_venue(answers_pings=False) as legacy:
        prices: list[Price] = []
        feed = ReferenceFeed(
            main.url,
            legacy.url,
            CREDENTIALS if with_key else None,
            ["btc", "eth"],
            rng=random.Random(1),
            on_price=prices.append,
            settings=settings,
        )
        await feed.open()
        try:
            yield Scene(main, legacy, feed, prices)
        finally:
            await feed.close()


def polite(talk: Talk, asked: Any) -> None:
    """Answer as PolyBolt does."""
    if asked["op"] == "auth":
        talk.say({"op": "authed", "rid": asked["rid"]})
    elif asked["op"] == "ping":
        talk.say({"op": "pong"})
    elif asked["op"] == "subscribe":
        for one in asked["subscriptions"]:
            talk.say({"op": "subscribed", "channel": one["channel"], "rid": asked["rid"]})


def subscriptions(talk: Talk) -> list[Any]:
    found: list[Any] = next(one for one in talk.asked if one.get("op") == "subscribe")[
        "subscriptions"
    ]
    return found


def test_it_subscribes_to_both_prices_of_each_coin_when_authorized(run: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=polite) as it:
            await until(lambda: bool(it.main.talks) and len(it.main.talks[0].asked) > 1)
            talk = it.main.talks[0]
            assert talk.asked[0]["auth"]["apiKey"] == "a-key"
            assert subscriptions(talk)[:2] == [
                {"channel": "price.crypto", "filter": {"symbol": "btcusd"}},
                {
                    "channel": "price.crypto.twap",
                    "filter": {"symbol": "btcusd", "window_seconds": 60},
                },
            ]
            talk.say(polybolt(point()), polybolt(point(), twap=True))
            await until(lambda: len(it.prices) == 2)
            assert it.feed.is_fresh("btc", SPOT, time.monotonic_ns())
            assert not it.feed.is_fresh("eth", SPOT, time.monotonic_ns())
            price = it.feed.price("btc", TWAP)
            assert price is not None
            assert (price.price_e8, price.source) == (6_401_253_127_884, "polybolt")

    run(scene())


def test_a_burst_is_told_as_its_last_value(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=polite) as it:
            await until(lambda: bool(it.main.talks) and len(it.main.talks[0].asked) > 1)
            past = polybolt(*(point(3, None, AT_MS + i) for i in range(5)), snapshot=True)
            burst = [polybolt(point(4, None, AT_MS + 10 + i)) for i in range(20)]
            it.main.talks[0].say(past, *burst)
            await until(lambda: bool(it.prices))
            assert [price.observed_ms for price in it.prices] == [AT_MS + 29]
            beaten = it.feed.price_at("btc", SPOT, AT_MS + 9)
            assert beaten is not None
            assert beaten.price_e8 == 300_000_000

    stage(scene())


def test_a_silent_main_socket_is_replaced_and_the_legacy_one_opened(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=polite) as it:
            await until(lambda: bool(it.legacy.talks) and bool(it.legacy.talks[0].heard))
            await until(lambda: it.feed.counts["polybolt_silent"] >= 1)
            assert it.feed.counts["fallbacks"] == 1
            assert it.legacy.talks[0].asked[0]["subscriptions"][:2] == [
                {
                    "topic": "crypto_prices_chainlink",
                    "type": "*",
                    "filters": '{"symbol":"btc/usd"}',
                },
                {
                    "topic": "crypto_prices_twap_sixty",
                    "type": "*",
                    "filters": '{"symbol":"btc/usd"}',
                },
            ]
            payload = {"symbol": "btc/usd"} | point(64012.5, "64012500000000000000000")
            it.legacy.talks[0].say(b"", rtds("crypto_prices_chainlink", payload))
            await until(lambda: bool(it.prices))
            assert (it.prices[0].source, it.prices[0].price_e8) == ("rtds", 6_401_250_000_000)

            # The main one comes back: the legacy one is no longer needed.
            it.main.on_text = lambda talk, asked: (
                polite(talk, asked),
                talk.say(polybolt(point(at_ms=AT_MS + 1 + time.monotonic_ns() // MS))),
            )[0]
            await until(lambda: it.feed.counts["rtds_not_needed"] == 1)

    stage(scene())


def test_a_legacy_socket_that_freezes_is_replaced(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(with_key=False) as it:
            await until(lambda: it.feed.counts["rtds_silent"] == 2)
            assert b"PING" in it.legacy.talks[0].heard
            assert it.main.talks == []

    stage(scene())


def test_draining_is_a_short_wait(stage: Stage) -> None:
    async def scene() -> None:
        patient = replace(FAST, backoff_base_ns=60_000 * MS, backoff_ns_max=60_000 * MS)
        async with opened(patient, on_text=polite) as it:
            for i in range(3):
                await until(lambda i=i: len(it.main.talks) == i + 1)
                it.main.talks[i].close(4003)
            await until(lambda: len(it.main.talks) == 4)
            assert it.feed.counts["polybolt_closed_4003"] == 3

    stage(scene())


def test_other_ends_are_counted_by_code_and_back_off(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=polite) as it:
            for i in range(2):
                await until(lambda i=i: len(it.main.talks) == i + 1)
                it.main.talks[i].close(4002)
            await until(lambda: len(it.main.talks) == 3)
            assert it.feed.counts["polybolt_closed_4002"] == 2

    stage(scene())


def test_refusals_have_names_and_end_the_socket_where_nothing_would_come(stage: Stage) -> None:
    def refuse(talk: Talk, asked: Any) -> None:
        if asked["op"] == "auth":
            talk.say({"op": "error", "code": "auth_invalid", "rid": "auth"})

    async def scene() -> None:
        async with opened(on_text=refuse) as it:
            await until(lambda: it.feed.counts["polybolt_refused"] == 2)
            assert it.feed.counts["polybolt_error_auth_invalid"] == 2

            def half(talk: Talk, asked: Any) -> None:
                polite(talk, asked)
                if asked["op"] == "subscribe":
                    talk.say({"op": "error", "code": "bad_filter", "channel": "price.crypto.twap"})
                    talk.say(polybolt(point()))

            it.main.on_text = half
            await until(lambda: bool(it.prices))
            assert it.feed.counts["polybolt_error_bad_filter"] == 1
            assert it.feed.counts["polybolt_refused"] >= 2

    stage(scene())


def test_what_cannot_be_read_is_counted(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=polite) as it:
            await until(lambda: bool(it.main.talks) and len(it.main.talks[0].asked) > 1)
            dropped = polybolt(point(), dropped=7)
            it.main.talks[0].say(b"{", b"[]", polybolt(point("x", None)), dropped)
            await until(lambda: bool(it.prices))
            assert it.feed.counts["polybolt_malformed"] == 3
            assert it.feed.counts["polybolt_dropped"] == 7

    stage(scene())


def test_averages_over_a_fraction_of_a_second_are_asked_for_as_such(stage: Stage) -> None:
    async def scene() -> None:
        async with feed_venue(on_text=polite) as main:
            feed = ReferenceFeed(
                main.url,
                main.url,
                CREDENTIALS,
                ["btc"],
                rng=random.Random(1),
                settings=ReferenceSettings(window_s=1.2),
            )
            await feed.open()
            await until(lambda: bool(main.talks) and len(main.talks[0].asked) > 1)
            assert orjson.dumps(subscriptions(main.talks[0])[1]["filter"]).endswith(b":1.2}")
            await feed.close()

    stage(scene())
