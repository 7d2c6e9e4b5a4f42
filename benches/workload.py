"""Market-channel messages to measure with: seeded and synthetic, or recorded.

A synthetic workload is one market that evolves by the statistics of the recordings: where changes
land, how many levels a book has, how many bytes a message takes, the spacing and the order of keys.
Every `best_bid` and `best_ask` is the evolving book's own, so a contender may check it. Book hashes
are random hex: no contender reads them.
"""

import gzip
import json
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRICE_CHANGES = 512
BOOKS = 64
START_MS = 1_776_808_414_000
CAPTURE = "ws_market_btc5m/btc-updown-5m-1776808200.part1.jsonl.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One market's messages.

    Args:
        name: Heading of the tables measured with it.
        start: Snapshots of both tokens that open the book; later than nothing, earlier than all.
        price_changes: Follow on from ``start``, timestamps ascending.
        books: Snapshots in pairs (one a token, mirrors of each other), timestamps ascending, so
            that after each pair a contender with two books and one with a mirrored one agree.
    """

    name: str
    condition_id: str
    up_token: str
    down_token: str
    tick_e4: int
    start: tuple[bytes, ...]
    price_changes: tuple[bytes, ...]
    books: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a synthetic market looks like.

    Args:
        levels: Levels a side at the start.
        orders: Cumulative weights of 1, 2, ... orders a message; each order is two entries, its
            own token's and the mirror's.
        mid_e4: Where the market starts, 1e-4 dollars.
    """

    name: str
    tick_e4: int
    levels: tuple[int, int]
    orders: tuple[float, ...]
    mid_e4: int


# 99 levels in 3.4 kB, two entries in 611 bytes.
RECORDED_SIZES = Shape(
    name="recorded sizes", tick_e4=100, levels=(49, 50), orders=(1.0,), mid_e4=5_000
)
# The larger messages of docs/measuring.md: 120 levels in 4.4 kB; 70 % two entries, 30 % four.
LARGER_SIZES = Shape(
    name="larger messages", tick_e4=10, levels=(60, 60), orders=(0.7, 1.0), mid_e4=5_000
)


def price_text(price_e4: int) -> str:
    """Write a price as the venue does: no trailing zeros."""
    return f"0.{price_e4:04d}".rstrip("0") if price_e4 < 10_000 else "1"


def size_text(size_e2: int) -> str:
    """Write a size of 1e-2 shares as the venue does: no trailing zeros."""
    return f"{size_e2 // 100}.{size_e2 % 100:02d}".rstrip("0").rstrip(".")


class _Market:
    """A book in Up terms that moves the way the recordings do."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self._random = random.Random(seed)
        self._shape = shape
        self._time_ms = START_MS
        self.up = self._digits(77)
        self.down = self._digits(77)
        self.condition_id = "0x" + self._hex(64)
        tick, mid = shape.tick_e4, shape.mid_e4
        bids, asks = shape.levels
        self.sides: tuple[dict[int, int], dict[int, int]] = (
            {mid - tick * (i + 1): self._size() for i in range(bids)},
            {mid + tick * i: self._size() for i in range(asks)},
        )

    def _digits(self, n: int) -> str:
        return str(self._random.randrange(10 ** (n - 1), 10**n))

    def _hex(self, n: int) -> str:
        return f"{self._random.getrandbits(4 * n):0{n}x}"

    def _size(self) -> int:
        """Draw 1e-2 shares: median 266 as at the recorded touch, a third of them whole."""
        size_e2 = max(100, round(26_600 * self._random.lognormvariate(0.0, 1.0)))
        return size_e2 // 100 * 100 if self._random.random() < 0.33 else size_e2

    @property
    def best_bid(self) -> int:
        return max(self.sides[0])

    @property
    def best_ask(self) -> int:
        return min(self.sides[1])

    def _changes(self, orders: int) -> list[tuple[int, int, int]]:
        """Move this many different levels."""
        moved: dict[tuple[int, int], int] = {}
        while len(moved) < orders:
            side, price, size = self._change()
            moved[side, price] = size
        return [(side, price, size) for (side, price), size in moved.items()]

    def _change(self) -> tuple[int, int, int]:
        """Move one level and answer (side, price_e4, size_e2)."""
        draw, tick = self._random.random(), self._shape.tick_e4
        side = self._random.randrange(2)
        levels, step = self.sides[side], (-tick if side == 0 else tick)
        best = self.best_bid if side == 0 else self.best_ask
        if draw < 0.01:
            # The touch moves in 0.3 % of the recorded messages; 1 % here, so that a pass has some.
            gap = self.best_ask - self.best_bid
            price, size = (best, 0) if gap <= tick else (best - step, self._size())
        elif draw < 0.64:
            price, size = best, self._size()
        else:
            near = draw < 0.73
            price = best + step * self._random.randint(1, 3 if near else len(levels) - 1)
            price = min(max(price, tick), 10_000 - tick)
            size = self._size()
        if size:
            levels[price] = size
        else:
            del levels[price]
        return side, price, size

    def price_change(self) -> bytes:
        """Compose one message in the recorded spacing: a blank after each comma, none elsewhere."""
        self._time_ms += self._random.randint(1, 3)
        draw = self._random.random()
        orders = next(n for n, weight in enumerate(self._shape.orders, 1) if draw < weight)
        moved = self._changes(orders)
        tops = {
            self.up: (price_text(self.best_bid), price_text(self.best_ask)),
            self.down: (price_text(10_000 - self.best_ask), price_text(10_000 - self.best_bid)),
        }
        entries = []
        for side, price, size in moved:
            pair = [
                self._entry(self.up, side, price, size, tops),
                self._entry(self.down, 1 - side, 10_000 - price, size, tops),
            ]
            entries += pair if self._random.random() < 0.5 else pair[::-1]
        message = {
            "market": self.condition_id,
            "price_changes": entries,
            "timestamp": str(self._time_ms),
            "event_type": "price_change",
        }
        return json.dumps(message, separators=(", ", ":")).encode()

    def _entry(
        self, token: str, side: int, price: int, size: int, tops: Mapping[str, tuple[str, str]]
    ) -> dict[str, str]:
        best_bid, best_ask = tops[token]
        return {
            "asset_id": token,
            "price": price_text(price),
            "size": size_text(size),
            "side": "BUY" if side == 0 else "SELL",
            "hash": self._hex(40),
            "best_bid": best_bid,
            "best_ask": best_ask,
        }

    def books(self) -> tuple[bytes, bytes]:
        """Compose the snapshots of both tokens, compact, worst level first."""
        self._time_ms += 1
        bids, asks = self.sides
        mirror = (
            {10_000 - p: s for p, s in asks.items()},
            {10_000 - p: s for p, s in bids.items()},
        )
        return self._book(self.up, bids, asks), self._book(self.down, *mirror)

    def _book(self, token: str, bids: Mapping[int, int], asks: Mapping[int, int]) -> bytes:
        message = {
            "market": self.condition_id,
            "asset_id": token,
            "bids": [_level(p, bids[p]) for p in sorted(bids)],
            "asks": [_level(p, asks[p]) for p in sorted(asks, reverse=True)],
            "hash": self._hex(40),
            "timestamp": str(self._time_ms),
            "event_type": "book",
        }
        return json.dumps(message, separators=(",", ":")).encode()


def _level(price_e4: int, size_e2: int) -> dict[str, str]:
    return {"price": price_text(price_e4), "size": size_text(size_e2)}


def synthetic(
    shape: Shape = RECORDED_SIZES,
    *,
    seed: int = 1,
    price_changes: int = PRICE_CHANGES,
    books: int = BOOKS,
) -> Workload:
    """Make a seeded workload of different messages.

    Args:
        books: Snapshots in all, even; between two pairs the book moves on by eight messages.
    """
    market = _Market(shape, seed)
    start = market.books()
    changes = tuple(market.price_change() for _ in range(price_changes))
    snapshots: list[bytes] = []
    for _ in range(books // 2):
        for _ in range(8):
            market.price_change()
        snapshots += market.books()
    return Workload(
        name=shape.name,
        condition_id=market.condition_id,
        up_token=market.up,
        down_token=market.down,
        tick_e4=shape.tick_e4,
        start=start,
        price_changes=changes,
        books=tuple(snapshots),
    )


def recordings_folder() -> Path | None:
    """Find the recordings: POLYMM_DATA, else ``../shared/data``; None where they are absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("POLYMM_DATA", default))
    return folder if (folder / CAPTURE).is_file() else None


def recorded(folder: Path, *, price_changes: int = PRICE_CHANGES, books: int = BOOKS) -> Workload:
    """Take the messages of the raw capture, in the order of their timestamps.

    The capture lost the spacing; it is put back as the other recordings show it.
    """
    market = json.loads((folder / CAPTURE.replace(".part1.jsonl.gz", ".markets.json")).read_text())
    current = market["current"]
    tokens = (current["upTokenId"], current["downTokenId"])
    messages = sorted(_payloads(folder / CAPTURE), key=lambda message: int(message["timestamp"]))
    messages = [m for m in messages if m["market"] == current["conditionId"]]
    pairs = list(_book_pairs(messages, tokens))
    changes = [
        json.dumps(m, separators=(", ", ":")).encode()
        for m in messages
        if m["event_type"] == "price_change" and int(m["timestamp"]) >= pairs[0][0]
    ]
    later = [frame for _, pair in pairs[1:] for frame in pair]
    return Workload(
        name="recorded messages",
        condition_id=current["conditionId"],
        up_token=tokens[0],
        down_token=tokens[1],
        tick_e4=100,
        start=pairs[0][1],
        price_changes=tuple(changes[:price_changes]),
        books=tuple(later[:books]),
    )


def _payloads(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["payload"]


def _book_pairs(
    messages: list[dict[str, Any]], tokens: tuple[str, str]
) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Yield (timestamp, (Up frame, Down frame)) where both tokens have a book of that moment."""
    waiting: dict[int, dict[str, bytes]] = {}
    for message in messages:
        if message["event_type"] == "book":
            time_ms = int(message["timestamp"])
            pair = waiting.setdefault(time_ms, {})
            pair[message["asset_id"]] = json.dumps(message, separators=(",", ":")).encode()
            if len(pair) == 2:
                up, down = tokens
                yield time_ms, (pair[up], pair[down])
                del waiting[time_ms]
