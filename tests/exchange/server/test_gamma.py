"""The catalogue: records our own client reads in every state, filters, pages, stale answers."""

from dataclasses import replace

import orjson
import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange.faults import Fault
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.catalog import join
from polymm.venues.polymarket.records import read_clob, read_gamma
from tests.support.visitors import ANN, BOB, START_NS, visit

# Six seconds long, settled over 1.2 s, resolved 0.6 s after the end; it began one second ago.
SHORT = WindowSettings(length_s=6)
FIRST, SECOND = "btc-updown-6s-1800000000", "btc-updown-6s-1800000006"


async def told(visitor, slug):
    return (await visitor.get(f"/gamma/markets/slug/{slug}")).body


async def entry(visitor, listing, form="markets/slug"):
    """What our client makes of both sources' records of a market."""
    market = listing.market
    gamma = await visitor.get(f"/gamma/{form}/{market.slug}")
    clob = await visitor.get(f"/clob-markets/{listing.condition_id}")
    read = read_gamma(orjson.dumps(gamma.body))
    return read, join(
        read, read_clob(orjson.dumps(clob.body)), taker_delay_ns=market.taker_delay_ns
    )


@pytest.mark.parametrize("form", ["markets/slug", "events/slug"])
@pytest.mark.parametrize(
    "windows",
    [
        SHORT,
        WindowSettings(length_s=6, version="v2", down_first=True),
        WindowSettings(length_s=6, taker_delay_ns=0, lookback_ns=2 * NS, coins=("btc", "eth")),
    ],
    ids=["v1", "v2 down first", "two coins"],
)
def test_our_client_reads_every_window_in_every_state(windows, form):
    async def scene(visitor):
        seen = set()
        watched = visitor.listings
        for _ in range(14):
            for listing in watched:
                read, found = await entry(visitor, listing, form)
                assert found.market == replace(listing.market, tick_e4=listing.ladder.tick_e4)
                assert not found.clears_book
                assert read.winner is listing.winner
                is_open = listing.accepting
                assert read.is_open is is_open
                assert bool(found.obstacles) is not is_open
                now_ns, market = visitor.now_ns, listing.market
                seen.add((now_ns >= market.start_ns, is_open, listing.winner is not None))
            visitor.wait(0.5)
        ahead, is_open = (False, True, False), (True, True, False)
        closing, resolved = (True, False, False), (True, False, True)
        assert seen == {ahead, is_open, closing, resolved}

    visit(scene, windows=windows)


def test_records_are_written_in_the_forms_of_the_venue():
    async def scene(visitor):
        listing = visitor.last
        ann, bob = visitor.wallet(ANN, listing), visitor.wallet(BOB, listing)
        visitor.order(ann, Side.SELL, 53, 20, listing)
        visitor.order(bob, Side.BUY, 48, 20, listing)
        visitor.order(bob, Side.BUY, 53, 8, listing)
        record = await told(visitor, listing.market.slug)
        up, down = listing.pool.tokens
        assert record["outcomes"] == '["Up", "Down"]'
        assert record["clobTokenIds"] == f'["{up}", "{down}"]'
        assert record["outcomePrices"] == '["0.505", "0.495"]'
        assert record["orderPriceMinTickSize"] == 0.01
        assert (record["orderMinSize"], record["rewardsMaxSpread"]) == (5, 4.5)
        assert (record["bestBid"], record["bestAsk"], record["lastTradePrice"]) == (
            0.48,
            0.53,
            0.53,
        )
        assert record["eventStartTime"] == "2027-01-15T08:20:00Z"
        assert record["endDate"] == "2027-01-15T08:25:00Z"
        assert record["endDateIso"] == "2027-01-15"
        assert record["feeSchedule"] == {
            "exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2,
        }  # fmt: skip
        assert record["cryptoMarketConfig"] == {
            "id": "btc-5m-twap-60",
            "asset": "btc",
            "duration": "5m",
            "twapEnabled": True,
            "twapLookbackSeconds": 60,
        }
        assert record["resolutionSource"].endswith("/btc-usd-twap-60s-streams")
        assert not {"closedTime", "umaResolutionStatus", "positionIds"} & record.keys()

    visit(scene)


def test_outcomes_are_listed_in_the_markets_own_order():
    async def scene(visitor):
        listing = visitor.last
        visitor.order(visitor.wallet(ANN, listing), Side.BUY, 30, 20, listing, Token.DOWN)
        record = await told(visitor, listing.market.slug)
        assert record["outcomes"] == '["Down", "Up"]'
        assert record["positionIds"] == [listing.market.down_token, listing.market.up_token]
        assert "clobTokenIds" not in record
        assert (record["bestBid"], "bestAsk" in record) == (0.3, False)
        assert record["resolutionStatus"] == "active"

    visit(scene, windows=WindowSettings(version="v2", down_first=True))


def test_a_resolved_market_tells_who_won_and_when():
    async def scene(visitor):
        visitor.wait(5.7)
        listing = visitor.hall.by_slug[FIRST]
        assert listing.winner is not None
        record = await told(visitor, FIRST)
        assert record["closedTime"] == "2027-01-15 08:00:06+00"
        assert record["umaResolutionStatus"] == "resolved"
        prices = ["1", "0"] if listing.winner is Token.UP else ["0", "1"]
        assert orjson.loads(record["outcomePrices"]) == prices
        assert (record["closed"], record["acceptingOrders"], record["active"]) == (
            True,
            False,
            True,
        )
        event = (await visitor.get(f"/gamma/events/slug/{FIRST}")).body
        # Only a market that is asked for by itself names its event.
        del record["events"]
        assert (event["closed"], event["markets"]) == (True, [record])

    visit(scene, windows=SHORT)


def test_both_prices_of_a_window_are_told_only_after_its_end():
    async def scene(visitor):
        listing = visitor.hall.by_slug[FIRST]
        shown = {}
        while visitor.now_ns < START_NS + 8.5 * NS:
            event = (await visitor.get(f"/gamma/events/slug/{FIRST}")).body
            for key, value in event.get("eventMetadata", {}).items():
                shown.setdefault(key, ((visitor.now_ns - listing.market.end_ns) / NS, value))
            visitor.wait(0.3)
        # A fifth and two fifths of the window after the end, as 60 and 120 s are of 300.
        (to_beat_s, to_beat), (final_s, final) = shown["priceToBeat"], shown["finalPrice"]
        assert 1.2 <= to_beat_s < 1.6
        assert 2.4 <= final_s < 2.8
        assert to_beat == listing.to_beat_e8 / 1e8
        assert (final >= to_beat) is (listing.winner is Token.UP)

    visit(scene, windows=SHORT)


def test_closed_markets_are_left_out_of_lists_unless_they_are_asked_for():
    async def scene(visitor):
        visitor.wait(6)
        for query, market_slugs, event_slugs in (
            ({}, [], [FIRST]),
            ({"closed": "true"}, [FIRST], [FIRST]),
            ({"closed": "false"}, [], []),
        ):
            markets = await visitor.get("/gamma/markets", slug=FIRST, **query)
            assert [record["slug"] for record in markets.body] == market_slugs
            events = await visitor.get("/gamma/events", slug=FIRST, **query)
            assert [record["slug"] for record in events.body] == event_slugs

    visit(scene, windows=SHORT)


def test_lists_are_filtered_by_what_the_query_names():
    async def scene(visitor):
        wanted = visitor.hall.by_slug[SECOND]
        end = "2027-01-15T08:00:12"
        one = (
            {"slug": SECOND},
            {"end_date_min": f"{end}Z", "end_date_max": f"{end}+00:00"},
            {"end_date_min": end, "end_date_max": end},
            {"condition_ids": wanted.condition_id},
            {"clob_token_ids": wanted.market.down_token},
            {"id": str(wanted.number)},
        )
        for query in one:
            found = await visitor.get("/gamma/markets", **query)
            assert [record["slug"] for record in found.body] == [SECOND], query
        for query, n in (
            ({"tag_slug": "up-or-down"}, 5), ({"tag_slug": "sports"}, 0), ({"limit": "3"}, 3),
            ({"offset": "3"}, 2), ({"active": "false"}, 0), ({"archived": "true"}, 0),
            ({"version": "v2"}, 0), ({"start_time_min": "2027-01-15T08:00:06Z"}, 4),
        ):  # fmt: skip
            assert len((await visitor.get("/gamma/markets", **query)).body) == n, query
            assert len((await visitor.get("/gamma/events", **query)).body) == n, query
        last_first = await visitor.get("/gamma/events", ascending="false")
        assert last_first.body[-1]["slug"] == FIRST

    visit(scene, windows=SHORT)


def test_a_query_that_cannot_be_understood_is_named():
    async def scene(visitor):
        for query in (
            {"closed": "maybe"}, {"limit": "-1"}, {"limit": "ten"}, {"offset": "1.5"},
            {"end_date_min": "tomorrow"},
        ):  # fmt: skip
            for path in ("/gamma/markets", "/gamma/events", "/gamma/events/keyset"):
                if path.endswith("keyset") and "offset" in query:
                    continue
                reply = await visitor.get(path, **query)
                assert reply.status == 422, query
                assert next(iter(query)) in reply.body["error"]
        for path in (
            "/events/slug/no",
            "/markets/slug/no",
            "/events/1",
            "/series/1",
            "/tags/slug/x",
        ):
            reply = await visitor.get(f"/gamma{path}")
            assert (reply.status, reply.body["type"]) == (404, "not found error")

    visit(scene)


@pytest.mark.parametrize("kind", ["markets", "events"])
def test_key_sets_page_through_everything_once(kind):
    async def scene(visitor):
        found, query = [], {"limit": 3}
        while True:
            page = (await visitor.get(f"/gamma/{kind}/keyset", **query)).body
            found += [record["slug"] for record in page[kind]]
            if "next_cursor" not in page:
                break
            query["after_cursor"] = page["next_cursor"]
            # What ends between two pages does not shift the next one.
            visitor.wait(3)
        assert len(found) == len(set(found))
        assert set(found) == set(visitor.hall.by_slug)

    visit(scene, windows=WindowSettings(length_s=30, coins=("btc", "eth"), ahead=4))


def test_markets_and_events_are_found_by_number_too():
    async def scene(visitor):
        listing = visitor.last
        market = (await visitor.get(f"/gamma/markets/{listing.number}")).body
        (reference,) = market["events"]
        event = (await visitor.get(f"/gamma/events/{reference['id']}")).body
        assert market["slug"] == event["slug"] == listing.market.slug
        tags = await visitor.get(f"/gamma/events/{reference['id']}/tags")
        assert [tag["slug"] for tag in tags.body] == ["crypto", "up-or-down"]
        assert (await visitor.get("/gamma/tags/slug/crypto")).body["id"] == "21"

    visit(scene)


def test_a_series_has_the_windows_of_one_coin_that_are_not_resolved():
    async def scene(visitor):
        (series,) = (await visitor.get("/gamma/series", slug="btc-up-or-down-5m")).body
        assert (series["id"], series["recurrence"]) == ("10684", "5m")
        assert len(series["events"]) == 5
        assert (await visitor.get("/gamma/series/10683")).body["slug"] == "eth-up-or-down-5m"
        events = (await visitor.get("/gamma/events", series_id="10683")).body
        assert {event["seriesSlug"] for event in events} == {"eth-up-or-down-5m"}

    visit(scene, windows=WindowSettings(coins=("btc", "eth")))


def test_a_stale_answer_is_one_of_the_past():
    async def scene(visitor):
        visitor.wait(6)
        faults = visitor.hall.faults
        newest = visitor.last.market.slug
        assert (await told(visitor, FIRST))["closed"]
        faults.set(Fault.GAMMA_STALE, 1.0, lasts_ms=(3_000, 3_000))
        stale = await told(visitor, FIRST)
        assert (stale["closed"], stale["acceptingOrders"]) == (False, True)
        assert "closedTime" not in stale
        assert stale["updatedAt"] == "2027-01-15T08:00:04Z"
        assert (await told(visitor, newest))["type"] == "not found error"
        clob = await visitor.get(f"/clob-markets/{visitor.hall.by_slug[FIRST].condition_id}")
        assert "ao" not in clob.body
        faults.clear()
        assert (await told(visitor, newest))["slug"] == newest
        assert faults.struck == {Fault.GAMMA_STALE: 2}

    visit(scene, windows=SHORT)


def test_a_stale_answer_shows_former_prices_but_none_from_before_the_start():
    async def scene(visitor):
        listing = visitor.last
        bob = visitor.wallet(BOB, listing)
        visitor.order(bob, Side.BUY, 40, 20, listing)
        visitor.wait(2)
        visitor.order(bob, Side.BUY, 45, 20, listing)
        slug = listing.market.slug
        assert (await told(visitor, slug))["bestBid"] == 0.45
        visitor.hall.faults.set(Fault.GAMMA_STALE, 1.0, lasts_ms=(1_000, 1_000))
        assert (await told(visitor, slug))["bestBid"] == 0.4
        visitor.hall.faults.set(Fault.GAMMA_STALE, 1.0, lasts_ms=(60_000, 60_000))
        assert "bestBid" not in await told(visitor, slug)

    visit(scene)
