"""Markets, events and series as Gamma describes them (markets-5m notes 2).

Key by key as recorded: lists as JSON inside texts, numbers as numbers, a closing time with a
blank. A record says what is known at a time, so it can be written for a moment that is past.
"""

from typing import Any

import orjson

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.exchange.flow_wire import decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.server.clob_records import (
    BASE_FEE_BPS,
    REWARDS_MAX_SPREAD_CENTS,
    REWARDS_MIN_SIZE,
    iso_time,
    order_min,
    question_id,
    tick,
)
from polymm.exchange.server.glances import Glance
from polymm.venues.polymarket import wire

Record = dict[str, Any]

CRYPTO = {"id": "21", "label": "Crypto", "slug": "crypto"}
UP_OR_DOWN = {"id": "102127", "label": "Up or Down", "slug": "up-or-down"}
TAGS = (CRYPTO, UP_OR_DOWN)
# Events are counted apart from markets.
EVENT_OFFSET = -2_000_000
# Series as the venue numbers them; others are numbered from this on, by coin and length.
SERIES_NUMBERS = {
    ("btc", 300): 10_684,
    ("btc", 900): 10_192,
    ("eth", 300): 10_683,
    ("eth", 900): 10_191,
}
SERIES_FIRST = 20_000
# Both prices of a window are shown only some time after its end: of 300 s after 60 and 120 s.
TO_BEAT_SHOWN_SHARE = 5
FINAL_SHOWN_SHARE = 2.5


def market_record(glance: Glance, now_ns: int) -> Record:
    """Describe a market as it was at a time."""
    listing = glance.listing
    market, names = listing.market, list(map(listing.outcome_name, listing.outcomes))
    is_closed = glance.winner is not None
    ids = [listing.token_id(token) for token in listing.outcomes]
    record: Record = {
        "id": str(listing.number),
        "question": listing.question,
        "conditionId": listing.condition_id,
        "slug": market.slug,
        "resolutionSource": resolution_source(listing),
        "endDate": iso_time(market.end_ns),
        "startDate": iso_time(listing.accepts_from_ns),
        "image": "",
        "icon": "",
        "description": listing.question,
        "outcomes": _text(names),
        "outcomePrices": _text([_price(glance, token) for token in listing.outcomes]),
        "active": True,
        "closed": is_closed,
        "marketMakerAddress": "",
        "createdAt": iso_time(listing.accepts_from_ns),
        "updatedAt": iso_time(now_ns),
        "new": False,
        "featured": False,
        "archived": False,
        "restricted": True,
        "groupItemThreshold": "0",
        "questionID": question_id(listing),
        "enableOrderBook": True,
        "orderPriceMinTickSize": tick(glance),
        "orderMinSize": order_min(listing),
        "endDateIso": iso_time(market.end_ns)[:10],
        "startDateIso": iso_time(listing.accepts_from_ns)[:10],
        "hasReviewedDates": True,
        "comboStatus": "disabled",
        "makerBaseFee": BASE_FEE_BPS,
        "takerBaseFee": BASE_FEE_BPS,
        "acceptingOrders": glance.accepting,
        "negRisk": market.neg_risk,
        "ready": False,
        "funded": False,
        "acceptingOrdersTimestamp": iso_time(listing.accepts_from_ns),
        "cyom": False,
        "approved": True,
        "rewardsMinSize": REWARDS_MIN_SIZE,
        "rewardsMaxSpread": REWARDS_MAX_SPREAD_CENTS,
        "automaticallyActive": True,
        "clearBookOnStart": False,
        "manualActivation": False,
        "negRiskOther": False,
        "umaResolutionStatuses": "[]",
        "pendingDeployment": False,
        "deploying": False,
        "rfqEnabled": False,
        "eventStartTime": iso_time(market.start_ns),
        "holdingRewardsEnabled": False,
        **_fees(listing),
        "cryptoMarketConfigId": config(listing)["id"],
        "cryptoMarketConfig": config(listing),
        "version": listing.version,
        **_prices(glance),
    }
    if listing.version == wire.MARKET_V2:
        record["positionIds"] = ids
        record["resolutionStatus"] = wire.RESOLVED if is_closed else "active"
    else:
        record["clobTokenIds"] = _text(ids)
    if is_closed:
        record["closedTime"] = closed_time(glance.closed_ns)
        record["umaEndDate"] = iso_time(glance.closed_ns)
        record["umaResolutionStatus"] = wire.RESOLVED
        record["automaticallyResolved"] = True
    return record


def event_record(glance: Glance, now_ns: int, coins: tuple[str, ...]) -> Record:
    """Describe the event that holds a market, and the market in it."""
    listing = glance.listing
    market = listing.market
    is_closed = glance.winner is not None
    record: Record = {
        **event_reference(listing),
        "ticker": market.slug,
        "description": listing.question,
        "resolutionSource": resolution_source(listing),
        "startDate": iso_time(listing.accepts_from_ns),
        "creationDate": iso_time(listing.accepts_from_ns),
        "endDate": iso_time(market.end_ns),
        "image": "",
        "icon": "",
        "active": True,
        "closed": is_closed,
        "archived": False,
        "new": False,
        "featured": False,
        "restricted": True,
        "createdAt": iso_time(listing.accepts_from_ns),
        "updatedAt": iso_time(now_ns),
        "enableOrderBook": True,
        "negRisk": market.neg_risk,
        "commentCount": 0,
        "markets": [market_record(glance, now_ns)],
        "series": [series_reference(listing, coins)],
        "tags": list(TAGS),
        "cyom": False,
        "showAllOutcomes": True,
        "showMarketImages": False,
        "enableNegRisk": False,
        "automaticallyActive": True,
        "startTime": iso_time(market.start_ns),
        "seriesSlug": series_slug(listing),
        "negRiskAugmented": False,
        "pendingDeployment": False,
        "deploying": False,
        "cryptoMarketConfig": config(listing),
        "version": listing.version,
    }
    known = _event_metadata(glance, now_ns)
    if known:
        record["eventMetadata"] = known
    if is_closed:
        record["closedTime"] = iso_time(glance.closed_ns)
        record["automaticallyResolved"] = True
    return record


def event_reference(listing: Listing) -> Record:
    """Name the event of a market."""
    number = listing.number + EVENT_OFFSET
    return {"id": str(number), "slug": listing.market.slug, "title": listing.question}


def event_number(listing: Listing) -> str:
    """Give the id of a market's event."""
    return str(listing.number + EVENT_OFFSET)


def series_slug(listing: Listing) -> str:
    """Name the series of a market, such as ``btc-up-or-down-5m``."""
    return f"{listing.coin}-up-or-down-{length_label(listing)}"


def series_number(listing: Listing, coins: tuple[str, ...]) -> int:
    """Give the id of a market's series: the venue's own where it has one."""
    length_s = _length_s(listing)
    found = SERIES_NUMBERS.get((listing.coin, length_s))
    return found or SERIES_FIRST + length_s * len(coins) + coins.index(listing.coin)


def series_reference(listing: Listing, coins: tuple[str, ...]) -> Record:
    """Describe the series of a market."""
    slug = series_slug(listing)
    return {
        "id": str(series_number(listing, coins)),
        "ticker": slug,
        "slug": slug,
        "title": f"{listing.coin.upper()} Up or Down {length_label(listing)}",
        "seriesType": "single",
        "recurrence": length_label(listing),
        "active": True,
        "closed": False,
        "archived": False,
        "featured": False,
        "restricted": True,
        "commentsEnabled": False,
    }


def resolution_source(listing: Listing) -> str:
    """Name the price stream that settles a market."""
    lookback_ns = listing.market.settlement.lookback_ns
    spot = f"https://data.chain.link/streams/{listing.coin}-usd"
    return f"{spot}-twap-{decimal_text(lookback_ns, 9)}s-streams" if lookback_ns else spot


def config(listing: Listing) -> Record:
    """Describe how a market settles."""
    lookback_ns = listing.market.settlement.lookback_ns
    seconds = decimal_text(lookback_ns, 9)
    rule = f"twap-{seconds}" if lookback_ns else "spot"
    length = length_label(listing)
    return {
        "id": f"{listing.coin}-{length}-{rule}",
        "asset": listing.coin,
        "duration": length,
        "twapEnabled": bool(lookback_ns),
        "twapLookbackSeconds": lookback_ns / NS if lookback_ns % NS else lookback_ns // NS,
    }


def length_label(listing: Listing) -> str:
    """Write a market's length as its slug does."""
    return listing.market.slug.split("-")[2]


def closed_time(ns: int) -> str:
    """Write the moment of a resolution in the one form that is not ISO: with a blank, and +00."""
    return iso_time(ns).replace("T", " ").replace("Z", "+00")


def _length_s(listing: Listing) -> int:
    return (listing.market.end_ns - listing.market.start_ns) // NS


def _event_metadata(glance: Glance, now_ns: int) -> Record:
    """Both prices, each once it is shown; never while the window is open."""
    market = glance.listing.market
    length_ns = market.end_ns - market.start_ns
    known: Record = {}
    if now_ns >= market.end_ns + length_ns / TO_BEAT_SHOWN_SHARE and glance.to_beat_e8 is not None:
        known["priceToBeat"] = glance.to_beat_e8 / 1e8
    if now_ns >= market.end_ns + length_ns / FINAL_SHOWN_SHARE and glance.final_e8 is not None:
        known["finalPrice"] = glance.final_e8 / 1e8
    return known


def _fees(listing: Listing) -> Record:
    fees = listing.market.fees
    if not fees.rate_e6:
        return {"feesEnabled": False, "feeType": None}
    return {
        "feesEnabled": True,
        "makerRebatesFeeShareBps": 10_000,
        "feeType": "crypto_fees_v2",
        "feeSchedule": {
            "exponent": fees.exponent,
            "rate": fees.rate_e6 / 1e6,
            "takerOnly": True,
            "rebateRate": fees.rebate_e6 / 1e6,
        },
    }


def _prices(glance: Glance) -> Record:
    """The touch and the last trade of the outcome that is listed first; what is not is left out."""
    bid_e4, ask_e4, last_e4 = glance.bid_e4, glance.ask_e4, glance.last_e4
    if glance.listing.outcomes[0] is Token.DOWN:
        bid_e4, ask_e4 = 10_000 - ask_e4, 10_000 - bid_e4
        last_e4 = None if last_e4 is None else 10_000 - last_e4
    prices: Record = {"spread": (ask_e4 - bid_e4) / 10_000}
    if bid_e4 > 0:
        prices["bestBid"] = bid_e4 / 10_000
    if ask_e4 < 10_000:
        prices["bestAsk"] = ask_e4 / 10_000
    if last_e4 is not None:
        prices["lastTradePrice"] = last_e4 / 10_000
    return prices


def _price(glance: Glance, token: Token) -> str:
    return decimal_text(glance.price_e5(token), 5)


def _text(values: list[str]) -> str:
    """Write a list as JSON in a text, with the blank after each comma that Gamma's has."""
    return ", ".join(orjson.dumps(value).decode() for value in values).join("[]")
