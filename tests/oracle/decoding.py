"""Slow, obvious twin of the decoder: json and dictionaries, one message at a time."""

import json
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any

Level = tuple[Fraction, int]


@cache
def number(text: str) -> Fraction:
    return Fraction(text)


@cache
def text_of(value: Fraction) -> str:
    """Write a decimal without trailing zeros, as the venue does."""
    scaled = value * 10**6
    assert scaled.denominator == 1
    whole, rest = divmod(int(scaled), 10**6)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


class OracleBook:
    """One market in Up terms: price to (size, stamp), by the rules of the market channel."""

    def __init__(self) -> None:
        self.sides: tuple[dict[Fraction, Level], dict[Fraction, Level]] = ({}, {})
        self.book_stamps = [-1, -1]
        self.newest = -1
        self.has_epoch = False

    def copy(self) -> "OracleBook":
        twin = OracleBook()
        twin.sides = (dict(self.sides[0]), dict(self.sides[1]))
        twin.book_stamps = list(self.book_stamps)
        twin.newest = self.newest
        twin.has_epoch = self.has_epoch
        return twin

    def apply(
        self,
        message: Mapping[str, Any],
        tokens: Mapping[str, tuple[str, int]],
        *,
        blindly: bool = False,
    ) -> None:
        """Apply one message; ``blindly`` takes it whatever its time stamp says."""
        stamp = int(message["timestamp"])
        kind = message.get("event_type", "book")
        if kind == "book" and message["asset_id"] in tokens:
            self._apply_book(message, stamp, tokens[message["asset_id"]][1], blindly)
        elif kind == "price_change" and self.has_epoch:
            for entry in message["price_changes"]:
                if entry["asset_id"] in tokens:
                    self._apply_entry(entry, stamp, tokens[entry["asset_id"]][1], blindly)
            self.newest = max(self.newest, stamp)

    def _apply_book(
        self, message: Mapping[str, Any], stamp: int, token: int, blindly: bool
    ) -> None:
        if self.has_epoch and stamp < max(self.book_stamps) and not blindly:
            return
        is_late = self.has_epoch and stamp < self.newest and not blindly
        fresh: tuple[dict[Fraction, Level], dict[Fraction, Level]] = ({}, {})
        for name, side in (("bids", token), ("asks", 1 - token)):
            for level in message[name]:
                price = up_price(number(str(level["price"])), token)
                size = number(str(level["size"])) + fresh[side].get(price, (Fraction(0), 0))[0]
                fresh[side][price] = (size, stamp)
        for side in (0, 1):
            old = self.sides[side]
            newer = {p: level for p, level in old.items() if is_late and level[1] > stamp}
            old.clear()
            old.update(newer)
            for price, level in fresh[side].items():
                if level[0] and price not in newer:
                    old[price] = level
        self.book_stamps[token] = stamp
        self.newest = max(self.newest, stamp) if is_late else stamp
        self.has_epoch = True

    def _apply_entry(self, entry: Mapping[str, Any], stamp: int, token: int, blindly: bool) -> None:
        price = up_price(number(str(entry["price"])), token)
        side = self.sides[(entry["side"] == "SELL") ^ token]
        known = side.get(price, (Fraction(0), -1))[1]
        if not blindly and (stamp < max(self.book_stamps) or stamp < known):
            return
        side[price] = (number(str(entry["size"])), stamp)

    def levels(self, side: int, token: int = 0) -> list[tuple[Fraction, Fraction]]:
        """List (price, size), best first, in the token's own terms."""
        up_side = side ^ token
        found = [
            (up_price(price, token), size)
            for price, (size, _) in self.sides[up_side].items()
            if size
        ]
        return sorted(found, reverse=side == 0)

    def texts(self, token: int) -> str:
        """Write the hashed middle part: both sides, worst level first."""
        parts = []
        for name, side in (("bids", 0), ("asks", 1)):
            levels = ",".join(
                f'{{"price":"{text_of(price)}","size":"{text_of(size)}"}}'
                for price, size in reversed(self.levels(side, token))
            )
            parts.append(f'"{name}":[{levels}]')
        return ",".join(parts)


def up_price(price: Fraction, token: int) -> Fraction:
    return 1 - price if token else price


def objects(frame: bytes) -> list[dict[str, Any]]:
    """Split a frame into its objects."""
    value = json.loads(frame)
    return value if isinstance(value, list) else [value]
