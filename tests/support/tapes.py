"""Hand-made tapes: a few frames in the venue's shape, times in ms after the window's start."""

import json

from polymm.domain.market import NS, Market
from polymm.domain.order import Place, Side, Token
from polymm.domain.tape import Tape, TapeFrame

MS = 1_000_000
SHARE = 1_000_000
START_S = 1_776_323_400
UP_TOKEN = "1111111111111111"
DOWN_TOKEN = "2222222222222222"
CONDITION = "0x" + "ab" * 32
TOKENS = {"up": UP_TOKEN, "down": DOWN_TOKEN}


def at(ms):
    """Venue time, ns."""
    return START_S * NS + ms * MS


def market(**changes):
    facts = {
        "slug": f"btc-updown-5m-{START_S}",
        "condition_id": CONDITION,
        "up_token": UP_TOKEN,
        "down_token": DOWN_TOKEN,
        "start_ns": START_S * NS,
        "end_ns": (START_S + 300) * NS,
    }
    return Market(**(facts | changes))


def frame(ms, message, recv_ns=0):
    stamp = {"timestamp": str(START_S * 1000 + ms), "market": CONDITION}
    text = json.dumps(message | stamp, separators=(",", ":"))
    return TapeFrame(at(ms), recv_ns, text.encode())


def levels(pairs):
    return [{"price": str(price), "size": str(size)} for price, size in pairs]


def book(ms, bids, asks, *, token="up", **more):
    """A snapshot; levels as (dollars, shares)."""
    message = {
        "event_type": "book",
        "asset_id": TOKENS[token],
        "hash": "0" * 40,
        "bids": levels(bids),
        "asks": levels(asks),
    }
    return frame(ms, message | more)


def change(ms, side, price, size, *, token="up"):
    """One level's new total; side "BUY" or "SELL"."""
    entry = {"asset_id": TOKENS[token], "price": str(price), "size": str(size), "side": side}
    message = {"event_type": "price_change", "price_changes": [entry | {"hash": "0" * 40}]}
    return frame(ms, message)


def trade(ms, side, price, size, *, token="up"):
    """A match; side is the taker's, in the token's own terms."""
    message = {
        "event_type": "last_trade_price",
        "asset_id": TOKENS[token],
        "price": str(price),
        "side": side,
        "size": str(size),
        "fee_rate_bps": "0",
    }
    return frame(ms, message)


def tick(ms, old, new):
    message = {
        "event_type": "tick_size_change",
        "asset_id": UP_TOKEN,
        "old_tick_size": str(old),
        "new_tick_size": str(new),
    }
    return frame(ms, message)


def tape(*frames, has_trades=True, outcome="up", trade_lag_ns=0, **changes):
    return Tape(
        market=market(**changes),
        frames=sorted(frames, key=lambda f: f.exch_ns),
        outcome=outcome,
        has_trades=has_trades,
        source="hand-made",
        trade_lag_ns=trade_lag_ns,
    )


def buy(order_id, price_e4, size, token=Token.UP):
    return Place(order_id, market().slug, token, Side.BUY, price_e4, int(size * SHARE))


def sell(order_id, price_e4, size, token=Token.UP):
    return Place(order_id, market().slug, token, Side.SELL, price_e4, int(size * SHARE))
