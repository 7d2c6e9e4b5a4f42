"""Windows that are listed ahead, open, close, settle by the average rule and are resolved.

Everything about a window follows from coin, length and start; random are only its ids. Several
coins run side by side. What trades in them is not decided here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import count
from typing import Literal, Protocol

from polymm.domain.market import NS, FeeSchedule, Market, SettlementRule
from polymm.domain.order import Token
from polymm.errors import InputError
from polymm.exchange.exchange import SPENDER, Exchange
from polymm.exchange.listing import Listing
from polymm.exchange.rules import MS

LISTED_BEFORE_NS = 86_400 * NS
NUMBER_FIRST = 3_000_000


def window_slug(coin: str, length_s: int, start_s: int) -> str:
    """Name a window: minutes where the length has them, seconds below a minute."""
    length = f"{length_s // 60}m" if length_s >= 60 else f"{length_s}s"
    return f"{coin}-updown-{length}-{start_s}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSettings:
    """What all windows of an exchange have in common.

    Args:
        length_s: Seconds; from a minute on whole minutes.
        coins: Names as slugs have them.
        lookback_ns: Length of both averages, None for min(60 s, a fifth of the window).
        resolve_delay_ns: From the end to the resolution, None for min(21 s, a tenth).
        ahead: Windows listed beside the current one.
        version: ``v1`` or ``v2``: layout of the ids.
        spender: Contract that needs allowances.
        taker_delay_ns: Time a taking order waits.
        fees: The schedule of every window.
        down_first: List Down before Up, to catch those who go by position.
    """

    length_s: int = 300
    coins: Sequence[str] = ("btc",)
    lookback_ns: int | None = None
    resolve_delay_ns: int | None = None
    ahead: int = 3
    version: Literal["v1", "v2"] = "v1"
    spender: str = SPENDER
    taker_delay_ns: int = 150 * MS
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    down_first: bool = False

    def __post_init__(self) -> None:
        if self.length_s < 1 or (self.length_s >= 60 and self.length_s % 60):
            raise InputError(f"length_s must be 1..59 or a multiple of 60, was {self.length_s}")
        if not self.coins or len(set(self.coins)) < len(self.coins):
            raise InputError(f"coins must be different names, were {list(self.coins)}")
        if self.ahead < 1:
            raise InputError(f"ahead must be at least 1, was {self.ahead}")

    @property
    def rule(self) -> SettlementRule:
        """The settlement rule in force."""
        lookback_ns = self.lookback_ns
        if lookback_ns is None:
            lookback_ns = min(60 * NS, self.length_s * NS // 5)
        return SettlementRule(kind="twap", lookback_ns=lookback_ns)

    @property
    def resolve_ns(self) -> int:
        """From the end to the resolution."""
        if self.resolve_delay_ns is not None:
            return self.resolve_delay_ns
        return min(21 * NS, self.length_s * NS // 10)


class PriceSource(Protocol):
    """A published price that settles windows."""

    def twap_e8(self, ns: int, lookback_ns: int) -> int:
        """Average over the look-back that ends at a time, 1e-8 dollars."""
        ...


class Windows:
    """Keeps an exchange supplied with windows and leads each through its life.

    Args:
        exchange: Where they are listed.
        prices: What settles them, by coin.
        settings: Length and the rest.
        seed: Seeds the ids.
        on_listed: Called for each new window.

    Attributes:
        listings: Windows by slug, those that were retired left out.
    """

    def __init__(
        self,
        exchange: Exchange,
        prices: Mapping[str, PriceSource],
        settings: WindowSettings,
        *,
        seed: int = 0,
        on_listed: Callable[[Listing], None] | None = None,
    ) -> None:
        self.settings = settings
        self._exchange = exchange
        self._prices = prices
        self._seed = seed
        self._on_listed = on_listed
        self._numbers = count(NUMBER_FIRST)
        self._by_slug: dict[str, Listing] = {}

    @property
    def by_slug(self) -> Mapping[str, Listing]:
        """Windows by slug; those that were retired are gone."""
        return self._by_slug

    def start(self, now_ns: int) -> None:
        """List the current window of every coin and those after it; the rest follows by itself."""
        self._exchange.advance(now_ns)
        length_ns = self.settings.length_s * NS
        first_ns = now_ns - now_ns % length_ns
        for coin in self.settings.coins:
            for i in range(self.settings.ahead + 1):
                self._list(coin, first_ns + i * length_ns, now_ns)

    def _list(self, coin: str, start_ns: int, now_ns: int) -> None:
        settings, exchange = self.settings, self._exchange
        market = self._make_market(coin, start_ns)
        outcomes = (Token.DOWN, Token.UP) if settings.down_first else (Token.UP, Token.DOWN)
        listing = exchange.list_market(
            market,
            number=next(self._numbers),
            coin=coin,
            title=_title(coin, market),
            version=settings.version,
            spender=settings.spender,
            outcomes=outcomes,
            accepts_from_ns=min(now_ns, start_ns - LISTED_BEFORE_NS),
        )
        self._by_slug[market.slug] = listing
        grace_ns = exchange.rules.close_grace_ms * MS
        timers = exchange.timers
        timers.at(start_ns, partial(self._begin, coin, listing))
        timers.at(market.end_ns + grace_ns, partial(self._close, listing))
        resolved_ns = market.end_ns + max(settings.resolve_ns, grace_ns)
        timers.at(resolved_ns, partial(self._resolve, coin, listing))
        timers.at(resolved_ns + exchange.rules.retire_after_s * NS, partial(self._drop, listing))
        if self._on_listed is not None:
            self._on_listed(listing)

    def _begin(self, coin: str, listing: Listing, now_ns: int) -> None:
        """Take the price to beat, and list one more window at the far end."""
        market = listing.market
        source = self._prices[coin]
        listing.to_beat_e8 = source.twap_e8(market.start_ns, market.settlement.lookback_ns)
        following_ns = market.start_ns + (self.settings.ahead + 1) * self.settings.length_s * NS
        self._list_once(coin, following_ns, now_ns)

    def _list_once(self, coin: str, start_ns: int, now_ns: int) -> None:
        if window_slug(coin, self.settings.length_s, start_ns // NS) not in self._by_slug:
            self._list(coin, start_ns, now_ns)

    def _close(self, listing: Listing, now_ns: int) -> None:
        self._exchange.close(listing, now_ns)

    def _resolve(self, coin: str, listing: Listing, now_ns: int) -> None:
        """Compare the two averages; a tie is Up."""
        market = listing.market
        source = self._prices[coin]
        listing.final_e8 = source.twap_e8(market.end_ns, market.settlement.lookback_ns)
        assert listing.to_beat_e8 is not None
        winner = Token.UP if listing.final_e8 >= listing.to_beat_e8 else Token.DOWN
        self._exchange.resolve(listing, winner, now_ns)

    def _drop(self, listing: Listing, now_ns: int) -> None:
        del self._by_slug[listing.market.slug]

    def _make_market(self, coin: str, start_ns: int) -> Market:
        settings = self.settings
        slug = window_slug(coin, settings.length_s, start_ns // NS)
        condition_id, up_token, down_token = _make_ids(self._seed, slug, settings.version)
        return Market(
            slug=slug,
            condition_id=condition_id,
            up_token=up_token,
            down_token=down_token,
            start_ns=start_ns,
            end_ns=start_ns + settings.length_s * NS,
            fees=settings.fees,
            settlement=settings.rule,
            taker_delay_ns=settings.taker_delay_ns,
            version=settings.version,
        )


def _make_ids(seed: int, slug: str, version: str) -> tuple[str, str, str]:
    """Condition, Up and Down: random in v1, in v2 the tokens are the condition and an index.

    A condition of v2 is a module, 128 random bits, and zeros as recorded: by those in the middle
    the official client tells ids of v2 from others (onchain notes 2).
    """

    def draw(what: str) -> str:
        return sha256(f"polymm exchange {what} {seed} {slug}".encode()).hexdigest()

    if version == "v1":
        return f"0x{draw('condition')}", str(int(draw("up"), 16)), str(int(draw("down"), 16))
    condition = f"01{draw('condition')[:32]}{'0' * 28}"
    up, down = (str(int(condition, 16) << 8 | index) for index in range(2))
    return f"0x{condition}00", up, down


def _title(coin: str, market: Market) -> str:
    start, end = (datetime.fromtimestamp(ns / NS, UTC) for ns in (market.start_ns, market.end_ns))
    return (
        f"{coin.upper()} Up or Down - {start:%B} {start.day}, {start:%H:%M:%S}-{end:%H:%M:%S} UTC"
    )
