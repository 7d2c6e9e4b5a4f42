"""The market channel: books of all markets, from two sockets that watch over each other."""

import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from polymm._core.quoting import HasFields
from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.reading import Read

# Market, flags of `polymm._core.layout`, and when the bytes came, by the feed's clock.
OnChange = Callable[[FeedMarket, int, int], None]
# Market and what now keeps it from being quoted, "" for nothing.
OnObstacle = Callable[[FeedMarket, str], None]
OnResolved = Callable[[FeedMarket, Token], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFeedSettings:
    """When a feed asks, doubts and replaces; see FAILURES 1 to 6 and 11.

    Args:
        lines: Sockets with the same markets.
        ping_ns: From one PING to the next.
        pong_ns_max: A link without any bytes for so long after a PING is dead.
        quiet_ns: A token not heard of for so long is compared with a REST book.
        proof_ns_max: A token not proven for so long is stale: not quotable, sockets are replaced.
        doubt_ns_max: A REST book that contradicts ours for so long is believed.
        dump_ns_max: A market without a first book for so long is asked for again.
        redrives_max: So often; then the socket is replaced.
        crossed_ns_max: A book crossed for so long is asked for again.
        mismatch_ns_max: A book whose best prices contradict those of the messages, likewise.
        check_ns: How often all this is looked at.
        tokens_max: Most tokens of one socket.
        backoff_base_ns: Bound of the first wait before a socket is opened again.
        backoff_ns_max: Bound of all later ones.
    """

    lines: int = 2
    ping_ns: int = 10_000_000_000
    pong_ns_max: int = 5_000_000_000
    quiet_ns: int = 2_000_000_000
    proof_ns_max: int = 3_000_000_000
    doubt_ns_max: int = 1_000_000_000
    dump_ns_max: int = 2_000_000_000
    redrives_max: int = 3
    crossed_ns_max: int = 500_000_000
    mismatch_ns_max: int = 250_000_000
    check_ns: int = 50_000_000
    tokens_max: int = 100
    backoff_base_ns: int = 250_000_000
    backoff_ns_max: int = 30_000_000_000


class MarketFeed:
    """Keeps the books of all added markets.

    Args:
        url: Of the market channel.
        read: Asks the CLOB's public routes: the witness.
        on_change: Called in the turn that read the socket, once a chunk and market, when the bytes
            of the leading socket changed the market.
        on_obstacle: Called when a market becomes quotable ("") or stops to be.
        on_resolved: Called once when the venue tells the winner.
        rng: Jitter of back-offs.
        clock_ns: The maker's clock; never falls. Lanes are evaluated by it.
        tls: For wss; the system's trust where None.
        engine: Of the websocket; the best where None.

    Attributes:
        counts: What happened, by name.
        markets: All that were added and not removed.
    """

    def __init__(
        self,
        url: str,
        read: Read,
        on_change: OnChange,
        *,
        rng: random.Random,
        on_obstacle: OnObstacle | None = None,
        on_resolved: OnResolved | None = None,
        settings: MarketFeedSettings | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        tls: ssl.SSLContext | None = None,
        engine: str | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.markets: list[FeedMarket] = []
        raise NotImplementedError

    async def open(self) -> None:
        """Begin to keep the sockets; answers at once. The first markets may be added before."""
        raise NotImplementedError

    async def close(self) -> None:
        """End everything; no callback comes afterwards."""
        raise NotImplementedError

    def add(
        self,
        market: Market,
        params: Mapping[str, int | float] | HasFields,
        *,
        quoter_address: int = 0,
    ) -> FeedMarket:
        """Subscribe to a market on all sockets.

        Args:
            params: Of its lanes: see `polymm._core.lane.Lane`.
            quoter_address: Likewise.

        Raises:
            InputError: It stands already, or there is no room.
        """
        raise NotImplementedError

    def remove(self, market: FeedMarket) -> None:
        """Unsubscribe from a market and free its slots; it says nothing more."""
        raise NotImplementedError
