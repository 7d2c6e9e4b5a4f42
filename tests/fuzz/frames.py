"""Frames for the fuzzer: valid ones of every kind, the same written in other ways, and bad ones.

Everything comes from one `random.Random`, so that a seed and a session number give the same frames
on every machine. A frame's `Kind` says what must become of it: USUAL and RESTYLED are valid and
must be taken, ODD and BROKEN may be taken or refused, but by both passes alike.
"""

import json
from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Any

from tests.fuzz.mutations import broken, odd

Message = dict[str, Any]

UP = "45936375922793925919605092352922707796689801895417366600539442410775071099958"
DOWN = "86520121088881862182423437128238697252500151785248183602134095101149900014256"
# Longest and shortest ids that a decoder takes, and one market of which one token is known.
MARKETS = (
    (UP, DOWN),
    ("7" * 96, "4593637592"),
    ("21742633143463906290569050155826241533067272736897614950488156847949938836455", ""),
)
FOREIGN = (
    UP[:40],
    "59363759",
    "13917627517502768201235213826866970628416806758650647861097354638225151676696",
)
TOKENS = tuple(token for market in MARKETS for token in market if token)
CONDITION = "0x125149c5918fc5f8c6d34682f700a898a1a19ea4f4e2ae68ff4c5794ba657074"
HASH = "425af2848c4f6462b5d2954448419abc0abac9ac"
FIRST_STAMP = 1776808414710
SIZES = ("0", "5", "25.5", "100", "60", "0.01", "1234.567891", "99999999.999999", "30")
NUMBERS = frozenset(
    ("price", "size", "best_bid", "best_ask", "timestamp", "tick_size", "new_tick_size")
)
SEPARATORS = ((", ", ":"), (",", ":"), (", ", ": "), (" ,\n\t", " : "))


class Kind(Enum):
    USUAL = "usual"
    RESTYLED = "restyled"
    ODD = "odd"
    BROKEN = "broken"

    @property
    def is_valid(self) -> bool:
        return self in (Kind.USUAL, Kind.RESTYLED)


def price_text(price_e4: int) -> str:
    return f"0.{price_e4:04d}".rstrip("0")


class FrameMaker:
    """Makes one session's frames; time walks on and now and then steps back."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.stamp = FIRST_STAMP

    def frame(self) -> tuple[Kind, bytes]:
        """Make the next frame and say of which kind it is."""
        rng = self.rng
        draw = rng.random()
        value = self.value()
        if draw < 0.35:
            return Kind.USUAL, usual_bytes(value, rng)
        if draw < 0.5:
            return Kind.RESTYLED, restyled_bytes(value, rng)
        if draw < 0.7:
            odd(value, rng)
            return Kind.ODD, (usual_bytes if rng.random() < 0.6 else restyled_bytes)(value, rng)
        other = usual_bytes(self.value(), rng) if rng.random() < 0.1 else b""
        return Kind.BROKEN, broken(usual_bytes(value, rng), other, rng)

    def value(self) -> Any:
        """Make one frame's JSON value, keys in the order of the wire."""
        draw = self.rng.random()
        if draw < 0.52:
            return self.price_change()
        if draw < 0.74:
            return self.book()
        if draw < 0.8:
            return [self.book() for _ in range(self.rng.randrange(4))]
        if draw < 0.84:
            return [self.pick()(self) for _ in range(self.rng.randrange(4))]
        return self.pick()(self)

    def pick(self) -> Callable[["FrameMaker"], Message]:
        return self.rng.choice(KINDS)

    def token(self) -> str:
        rng = self.rng
        if rng.random() < 0.08:
            return rng.choice(FOREIGN)
        return UP if rng.random() < 0.4 else rng.choice(TOKENS)

    def time(self) -> str:
        self.stamp += self.rng.choice((0, 0, 1, 7, 40))
        back = self.rng.choice((0, 0, 0, 0, 0, 3, 60))
        return str(self.stamp - back)

    def price_e4(self) -> int:
        rng = self.rng
        if rng.random() < 0.9:
            return 100 * rng.randrange(40, 61)
        return rng.choice((1, 9999, 10, 9990, rng.randrange(1, 10_000)))

    def levels(self) -> list[dict[str, str]]:
        rng = self.rng
        n = 60 if rng.random() < 0.02 else rng.randrange(5)
        return [{"price": price_text(self.price_e4()), "size": rng.choice(SIZES)} for _ in range(n)]

    def book(self) -> Message:
        rng = self.rng
        head = {"market": CONDITION, "asset_id": self.token()}
        sides = {"bids": self.levels(), "asks": self.levels()}
        if rng.random() < 0.6:
            return {
                **head, **sides, "hash": HASH, "timestamp": self.time(), "event_type": "book",
            }  # fmt: skip
        dump = {**head, "timestamp": self.time(), "hash": HASH, **sides}
        tail = {
            "min_order_size": "5",
            "tick_size": rng.choice(("0.01", "0.001", "0.0001")),
            "neg_risk": False,
            "event_type": "book",
            "last_trade_price": rng.choice(("0.500", "")),
            "version": "v2",
        }
        return dump | {key: value for key, value in tail.items() if rng.random() < 0.6}

    def price_change(self) -> Message:
        rng = self.rng
        entries: list[Message] = []
        for _ in range(1 if rng.random() < 0.5 else rng.randrange(4)):
            token, price, size = self.token(), self.price_e4(), rng.choice(SIZES)
            is_sell = rng.random() < 0.5
            entries.append(self.entry(token, price, size, is_sell))
            mirror = next((m for m in MARKETS if token in m and all(m)), None)
            if mirror and rng.random() < 0.8:
                twin = mirror[1 - mirror.index(token)]
                size = size if rng.random() < 0.95 else rng.choice(SIZES)
                entries.append(self.entry(twin, 10_000 - price, size, not is_sell))
        return {
            "market": CONDITION,
            "price_changes": entries,
            "timestamp": self.time(),
            "event_type": "price_change",
        }

    def entry(self, token: str, price_e4: int, size: str, is_sell: bool) -> Message:
        return {
            "asset_id": token,
            "price": price_text(price_e4),
            "size": size,
            "side": "SELL" if is_sell else "BUY",
            "hash": HASH,
            "best_bid": self.rng.choice(("0", "0.48", "0.49")),
            "best_ask": self.rng.choice(("1", "0.5", "0.51")),
        }

    def trade(self) -> Message:
        rng = self.rng
        return {
            "market": CONDITION,
            "asset_id": self.token(),
            "price": price_text(self.price_e4()),
            "size": rng.choice(SIZES),
            "fee_rate_bps": "0",
            "side": rng.choice(("BUY", "SELL")),
            "timestamp": self.time(),
            "event_type": "last_trade_price",
        }

    def tick_change(self) -> Message:
        old, new = self.rng.sample(("0.01", "0.001", "0.0001"), 2)
        return {
            "event_type": "tick_size_change",
            "asset_id": self.token(),
            "market": CONDITION,
            "old_tick_size": old,
            "new_tick_size": new,
            "timestamp": self.time(),
        }

    def best_bid_ask(self) -> Message:
        return {
            "event_type": "best_bid_ask",
            "market": CONDITION,
            "asset_id": self.token(),
            "best_bid": "0.49",
            "best_ask": "0.52",
            "spread": "0.03",
            "timestamp": self.time(),
        }

    def resolved(self) -> Message:
        up, down = self.rng.choice(MARKETS)
        return {
            "event_type": "market_resolved",
            "market": CONDITION,
            "assets_ids": [up, down],
            "winning_asset_id": self.rng.choice((up, down or up, FOREIGN[0])),
            "winning_outcome": "Up",
            "event_message": {"id": "125819", "title": "Bitcoin Up or Down – 7:55PM"},
            "timestamp": self.time(),
        }


KINDS: tuple[Callable[[FrameMaker], Message], ...] = (
    FrameMaker.book,
    FrameMaker.trade,
    FrameMaker.trade,
    FrameMaker.tick_change,
    FrameMaker.best_bid_ask,
    FrameMaker.resolved,
)


def usual_bytes(value: Any, rng: Random) -> bytes:
    """Write a value as the venue does, so that the fast pass can take what it knows."""
    has_entries = isinstance(value, dict) and "price_changes" in value
    text = json.dumps(value, separators=SEPARATORS[0 if has_entries and rng.random() < 0.7 else 1])
    return text.encode() + (b"\n" if rng.random() < 0.05 else b"")


def restyled_bytes(value: Any, rng: Random) -> bytes:
    """Write the same value in another legal way: order, blanks, forms of numbers, escapes."""
    styled = restyled(value, rng)
    text = json.dumps(
        styled, separators=rng.choice(SEPARATORS), ensure_ascii=rng.random() < 0.5
    ).encode()
    if rng.random() < 0.1:
        text = text.replace(b'"BUY"', b'"\\u0042UY"').replace(b'"0.5', b'"0.\\u0035')
    return rng.choice((b"", b"", b" ", b"\r\n\t")) + text + rng.choice((b"", b"", b" ", b"\n\n"))


def restyled(value: Any, rng: Random) -> Any:
    if isinstance(value, list):
        return [restyled(item, rng) for item in value]
    if not isinstance(value, dict):
        return value
    items = list(value.items())
    if rng.random() < 0.3:
        rng.shuffle(items)
    if rng.random() < 0.1:
        items.insert(rng.randrange(len(items) + 1), ("added", {"later": [1, None, "é"]}))
    return {
        key: number_form(item, rng)
        if key in NUMBERS and rng.random() < 0.3
        else restyled(item, rng)
        for key, item in items
    }


def number_form(text: Any, rng: Random) -> Any:
    """Write a decimal text as another text or a JSON number of the same value."""
    if not (isinstance(text, str) and len(text) < 20 and text.replace(".", "", 1).isdecimal()):
        return text
    if len(text) == 13 and text.isdecimal():
        return int(text)
    whole, _, fraction = text.partition(".")
    forms: tuple[Any, ...] = (
        f"{whole}.{fraction}0",
        f"{whole}.{fraction.ljust(9, '0')}",
        f"00{text}",
        f".{fraction}" if fraction and not int(whole or "0") else text,
        float(text) if fraction else int(whole),
    )
    return rng.choice(forms)
