"""Scenes of the market feed: markets, sockets without a network, and frames by hand."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.link import Dialling
from polymm.venues.polymarket.market_line import MarketLine
from polymm.venues.polymarket.venue_time import VenueTime
from tests.support.wire import DOWN, MARKET, OTHER, STAMP, UP, book, compact, entry, price_change

MS = 1_000_000
SECOND = 1_000_000_000
START = 1_000 * SECOND
THIRD = "2" + OTHER[1:]
PARAMS = BaseParameters(order_size_e6=10_000_000, max_position_e6=100_000_000)

MARKET_ONE = Market(
    slug="btc-updown-5m-1776808200",
    condition_id=MARKET,
    up_token=UP,
    down_token=DOWN,
    start_ns=1_776_808_200 * SECOND,
    end_ns=1_776_808_500 * SECOND,
)
MARKET_TWO = Market(
    slug="eth-updown-5m-1776808200",
    condition_id=MARKET,
    up_token=OTHER,
    down_token=THIRD,
    start_ns=1_776_808_200 * SECOND,
    end_ns=1_776_808_500 * SECOND,
)


@dataclass
class Clock:
    """A clock that a scene moves."""

    now_ns: int = START

    def __call__(self) -> int:
        return self.now_ns


@dataclass
class Stepped:
    """Every step of a maker: market, flags, time."""

    steps: list[tuple[FeedMarket, int, int]] = field(default_factory=list)

    def __call__(self, market: FeedMarket, flags: int, recv_ns: int) -> None:
        self.steps.append((market, flags, recv_ns))

    def take(self) -> list[int]:
        """Times of the steps so far; forgets them."""
        times, self.steps = [recv_ns for _, _, recv_ns in self.steps], []
        return times


@dataclass
class FeedScene:
    """Some markets on some sockets, none of which has a network."""

    clock: Clock = field(default_factory=Clock)
    stepped: Stepped = field(default_factory=Stepped)
    counts: Counter[str] = field(default_factory=Counter)
    resolved: list[tuple[FeedMarket, Token]] = field(default_factory=list)
    markets: list[FeedMarket] = field(default_factory=list)
    time: VenueTime | None = None

    def market(self, facts: Market = MARKET_ONE) -> FeedMarket:
        market = FeedMarket(
            facts,
            PARAMS,
            self.stepped,
            quoter_address=0,
            proof_ns_max=3 * SECOND,
            mismatch_ns_max=250 * MS,
            now_ns=self.clock.now_ns,
            time=self.time,
        )
        self.markets.append(market)
        return market

    def line(self) -> MarketLine:
        dialling = Dialling(
            url="ws://127.0.0.1:1/",
            clock_ns=self.clock,
            ping=b"PING",
            ping_ns=10 * SECOND,
            answer_ns_max=5 * SECOND,
        )
        line = MarketLine(
            dialling,
            self.markets,
            self.counts,
            on_end=lambda _, reason: None,
            on_resolved=lambda market, winner: self.resolved.append((market, winner)),
        )
        line.opened_ns = self.clock.now_ns
        return line

    def hear(self, line: MarketLine, *messages: Any, after_ms: int = 1) -> None:
        """Let one chunk arrive: messages as objects, or bytes as they are."""
        self.clock.now_ns += after_ms * MS
        for message in messages:
            frame = message if isinstance(message, bytes) else compact(message)
            line.on_message(frame, self.clock.now_ns)
        line.on_chunk_end()


def whole_book(*, at_ms: int = 0, bid: str = "0.48", ask: str = "0.52", up: str = UP) -> Any:
    """First book of Up, with one level a side."""
    return book([(bid, "100")], [(ask, "100")], stamp=STAMP + at_ms, asset=up)


def both_books(*, at_ms: int = 0, bid: str = "0.48", ask: str = "0.52") -> Any:
    """Dump of both tokens of the first market."""
    mirrored = book(
        [(f"{1 - float(ask):.2f}", "100")],
        [(f"{1 - float(bid):.2f}", "100")],
        asset=DOWN,
        stamp=STAMP + at_ms,
    )
    return [whole_book(at_ms=at_ms, bid=bid, ask=ask), mirrored]


def bid_change(
    price: str,
    size: str,
    *,
    at_ms: int,
    top: tuple[str, str] = ("0.48", "0.52"),
    down: bool = True,
) -> Any:
    """A bid of Up is another, told for both tokens."""
    entries = [entry(price, size, "BUY", top=top)]
    if down:
        mirrored = (f"{1 - float(top[1]):.2f}", f"{1 - float(top[0]):.2f}")
        entries.append(entry(f"{1 - float(price):.2f}", size, "SELL", asset=DOWN, top=mirrored))
    return price_change(*entries, stamp=STAMP + at_ms)
