"""An advisory look at the hashes that messages carry (market-ws notes 5).

A hash covers keys that are not on the wire, such as the last trade price, and messages of one
millisecond may come in another order than the engine's. So a wrong hash is counted and nothing
else: what decides about quoting is freshness.
"""

from typing import Final

import orjson

from polymm._core.bookhash import BookText
from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.feed_market import View

# A message is looked at when nothing has followed it for so long: a trade tells its price late,
# after some 20 ms.
SETTLED_NS: Final = 30_000_000


def audit(view: View, now_ns: int) -> str:
    """Compare the hash of the last message with that of the book it left.

    Returns:
        ``right``, ``wrong``, or "" where there is nothing that could be judged.
    """
    book, market = view.book, view.market.market
    if now_ns - view.heard_ns < SETTLED_NS or not book.has_epoch:
        return ""
    told = _told_hash(view.frame, market)
    if told is None:
        return ""
    token, stamp, condition, claimed = told
    text = BookText(
        f'{{"market":"{condition}","asset_id":"{_token_id(market, token)}","timestamp":"{stamp}",'
        f'"hash":"{claimed}",{book.level_texts(token)},'
        f'"min_order_size":"{market.order_min_e6 / 1e6:g}","tick_size":"{book.tick_e4 / 1e4:g}",'
        f'"neg_risk":{str(market.neg_risk).lower()}{_version(market)}}}'.encode()
    )
    last_e4 = book.last_trade_e4
    prices = (f"{last_e4 / 1e4:.3f}", f"{1 - last_e4 / 1e4:.3f}") if last_e4 else ("",)
    if any(text.digest(last_trade_price=price) == claimed for price in prices):
        return "right"
    return "wrong" if last_e4 else ""


def _told_hash(frame: bytes, market: Market) -> tuple[Token, str, str, str] | None:
    """Token, time, condition and hash of a price_change's last entry of ours; None for others."""
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or message.get("event_type") != "price_change":
        return None
    tokens = {market.up_token: Token.UP, market.down_token: Token.DOWN}
    for entry in reversed(message["price_changes"]):
        token = tokens.get(entry["asset_id"])
        if token is not None and "hash" in entry:
            return token, str(message["timestamp"]), str(message.get("market")), entry["hash"]
    return None


def _token_id(market: Market, token: Token) -> str:
    return market.down_token if token else market.up_token


def _version(market: Market) -> str:
    return f',"version":"{market.version}"' if market.version == wire.MARKET_V2 else ""
