"""Markets as the CLOB describes them, compact and long (rest notes 1).

The compact record leaves out what is at its default, as recorded in October 2026; the long one
names everything.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.exchange.listing import Listing
from polymm.exchange.server.glances import Glance

Record = dict[str, Any]

# What the venue's records say of every window (rest notes 1); clients must not compute with it.
BASE_FEE_BPS = 1000
REWARDS_MIN_SIZE = 50
REWARDS_MAX_SPREAD_CENTS = 4.5
REWARDS_MIN_AGE_S = 30
TAGS = ("Crypto", "Up or Down")


def iso_time(ns: int) -> str:
    """Write a time as the venue does, whole seconds with a Z."""
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%dT%H:%M:%SZ}"


def question_id(listing: Listing) -> str:
    """Give the id of a market's question, which nothing else is computed from."""
    return f"0x{sha256(listing.market.slug.encode()).hexdigest()}"


def tick(glance: Glance) -> float:
    """Give the tick in force as records write it, a number of dollars."""
    return glance.tick_e4 / 10_000


def order_min(listing: Listing) -> float:
    """Give the smallest order in shares, as a whole number where it is one."""
    size_e6 = listing.market.order_min_e6
    return size_e6 / 1_000_000 if size_e6 % 1_000_000 else size_e6 // 1_000_000


def compact_market(glance: Glance) -> Record:
    """Describe a market as ``/clob-markets/{condition}`` does."""
    listing = glance.listing
    market, fees = listing.market, listing.market.fees
    record: Record = {
        "r": {
            "mi": REWARDS_MIN_SIZE,
            "ma": REWARDS_MAX_SPREAD_CENTS,
            "moas": REWARDS_MIN_AGE_S,
        },
        "t": [
            {"t": listing.token_id(token), "o": listing.outcome_name(token)}
            for token in listing.outcomes
        ],
        "c": listing.condition_id,
        "mos": order_min(listing),
        "mts": tick(glance),
        "mbf": BASE_FEE_BPS,
        "tbf": BASE_FEE_BPS,
        "aot": iso_time(listing.accepts_from_ns),
        "v": listing.version,
    }
    if glance.accepting:
        record["ao"] = True
    if market.neg_risk:
        record["nr"] = True
    if market.taker_delay_ns:
        record["itode"] = True
    if fees.rate_e6:
        record["fd"] = {"r": fees.rate_e6 / 1_000_000, "e": fees.exponent, "to": True}
    return record


def long_market(glance: Glance) -> Record:
    """Describe a market as ``/markets/{condition}`` does."""
    listing = glance.listing
    market = listing.market
    is_closed = glance.winner is not None
    return {
        **simplified_market(glance),
        "enable_order_book": not is_closed,
        "minimum_order_size": order_min(listing),
        "minimum_tick_size": tick(glance),
        "question_id": question_id(listing),
        "question": listing.question,
        "description": listing.question,
        "market_slug": market.slug,
        # Only the day, as recorded: the time of the end is Gamma's to tell.
        "end_date_iso": f"{iso_time(market.end_ns)[:10]}T00:00:00Z",
        "game_start_time": None,
        "seconds_delay": 0,
        "fpmm": "",
        "maker_base_fee": BASE_FEE_BPS,
        "taker_base_fee": BASE_FEE_BPS,
        "notifications_enabled": False,
        "neg_risk": market.neg_risk,
        "neg_risk_market_id": "",
        "neg_risk_request_id": "",
        "icon": "",
        "image": "",
        "is_50_50_outcome": False,
        "accepting_order_timestamp": iso_time(listing.accepts_from_ns),
        "tags": list(TAGS),
    }


def simplified_market(glance: Glance) -> Record:
    """Describe a market as the lists of simplified markets do. No pool pays rewards here."""
    is_closed = glance.winner is not None
    return {
        "condition_id": glance.listing.condition_id,
        "rewards": {
            "rates": None,
            "min_size": REWARDS_MIN_SIZE,
            "max_spread": REWARDS_MAX_SPREAD_CENTS,
        },
        "tokens": [_token(glance, token) for token in glance.listing.outcomes],
        "active": True,
        "closed": is_closed,
        "archived": False,
        "accepting_orders": glance.accepting,
    }


def _token(glance: Glance, token: Token) -> Record:
    return {
        "token_id": glance.listing.token_id(token),
        "outcome": glance.listing.outcome_name(token),
        "price": glance.price_e5(token) / 100_000,
        "winner": glance.winner is token,
    }
