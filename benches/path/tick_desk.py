"""Our side of tick to trade, as `polymm run` puts it together: market feed, desk and gateway.

What a session adds to a desk (finding windows, the user channel, the chain) is not on the path.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

from benches.path.tick_server import CONDITION, DOWN_TOKEN, UP_TOKEN
from benches.peers.order_roster import API_KEY, API_PASSPHRASE, API_SECRET, KEY
from polymm.domain.inventory import Portfolio
from polymm.domain.market import NS, Market
from polymm.engine.settings import MakerSettings
from polymm.runtime.clock import Clock
from polymm.runtime.desk import Desk, Shared
from polymm.runtime.doubts import Doubts
from polymm.runtime.stage_names import new_stages
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.market_feed import MarketFeed
from polymm.venues.polymarket.results import NewOrder, PlaceResult
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType

# Stages of the first order of a tick, in order, and what they make up.
STAGES = (
    "received to decoded",
    "decoded to decided",
    "decided to signed",
    "signed to written",
    "written to answered",
    "received to written",
)
Samples = dict[str, list[int]]
_PARAMETERS = BaseParameters(
    order_size_e6=20_000_000,
    max_position_e6=200_000_000,
    cycle="event",
    cycle_ns=3_600 * NS,
    requote_interval_min_ns=0,
)
# Every order is refused. The lane asks for a quote with every tick, the maker never looks again.
_MAKER = MakerSettings(
    cycle="event",
    cycle_ns=3_600 * NS,
    requote_interval_min_ns=3_600 * NS,
    rejects_max=1_000_000,
)


def hosts(port: int) -> Hosts:
    """All services at the bench's venue."""
    http, feed = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/feed"
    return Hosts(
        clob=http, gamma=http, data=http, relayer=http, rpc=http,
        ws_market=feed, ws_user=feed, prices=feed, rtds=feed,
    )  # fmt: skip


class StagedEntry:
    """A gateway that notes the stages of the first order of each tick.

    Args:
        on_done: Called when all orders of a tick are answered.

    Attributes:
        recv_ns: When the frame was received that is decided upon, 0 where none is; ``decoded_ns``
            when the books had it.
    """

    def __init__(self, gateway: Gateway, samples: Samples, on_done: Callable[[], object]) -> None:
        self.recv_ns = 0
        self.decoded_ns = 0
        self._placements = gateway.placements
        self._samples = samples
        self._on_done = on_done
        self.prepare = gateway.prepare
        self.forget = gateway.forget
        self.cancel = gateway.cancel
        self.cancel_market = gateway.cancel_market
        self.open_orders = gateway.open_orders
        self.order = gateway.order
        self.trades = gateway.trades

    def place(
        self, orders: Sequence[NewOrder], on_result: Callable[[PlaceResult], None]
    ) -> list[str]:
        """Place orders; see `Gateway.place`."""
        recv_ns, decoded_ns = self.recv_ns, self.decoded_ns
        ids: list[str] = []
        left = len(orders)

        def answered(result: PlaceResult) -> None:
            assert result.reason == "post_only_crosses", result
            if recv_ns and result.order_id == ids[0]:
                self._note(result, recv_ns, decoded_ns)
            on_result(result)
            nonlocal left
            left -= 1
            if not left:
                # After what the desk still has to do with the answer.
                asyncio.get_running_loop().call_soon(self._on_done)

        ids += self._placements.place(orders, answered)
        return ids

    def _note(self, result: PlaceResult, recv_ns: int, decoded_ns: int) -> None:
        stamps = (
            recv_ns,
            decoded_ns,
            result.decided_ns,
            result.signed_ns,
            result.written_ns,
            result.answered_ns,
        )
        for name, (start_ns, end_ns) in zip(STAGES, pairwise(stamps), strict=False):
            self._samples[name].append(end_ns - start_ns)
        self._samples[STAGES[-1]].append(result.written_ns - recv_ns)


async def _no_witness(_: str) -> tuple[int, bytes]:
    """Answer for the routes that the bench's venue has not."""
    return 503, b""


@asynccontextmanager
async def trading(
    port: int, signature_type: int, samples: Samples, on_done: Callable[[], object]
) -> AsyncIterator[None]:
    """Run one desk on the bench's venue; it quotes from shortly after the first tick on.

    Args:
        samples: By stage; gets the durations of first orders, ns.
        on_done: Called when all orders of a tick are answered.
    """
    clock, rng = Clock(), random.Random(1)
    wallet = Wallet(key=SigningKey(Secret(KEY)), signature_type=SignatureType(signature_type))
    credentials = ApiCredentials(Secret(API_KEY), Secret(API_SECRET), Secret(API_PASSPHRASE))
    settings = GatewaySettings(tier="elite")
    gateway = Gateway(
        hosts(port), wallet, credentials, settings=settings, rng=rng, clock_ns=clock.now_ns
    )
    entry = StagedEntry(gateway, samples, on_done)
    desks: dict[FeedMarket, Desk] = {}

    def on_change(market: FeedMarket, flags: int, recv_ns: int) -> None:
        entry.recv_ns, entry.decoded_ns = recv_ns, clock.now_ns()
        desks[market].on_book(flags, recv_ns)
        entry.recv_ns = 0

    feed = MarketFeed(
        hosts(port).ws_market,
        _no_witness,
        on_change,
        on_obstacle=lambda market, why: desks[market].on_obstacle(why),
        rng=rng,
        clock_ns=clock.now_ns,
    )
    shared = Shared(
        clock=clock,
        entry=entry,
        settler=None,
        maker=_MAKER,
        close_margin_ns=0,
        stages=new_stages(),
        portfolio=Portfolio(),
        doubts=Doubts(entry, lambda _: None, clock.now_ns),
    )
    market = _market(clock.now_ns())
    await gateway.open()
    try:
        entry.prepare(market)
        shown = feed.add(market, _PARAMETERS)
        desk = desks[shown] = Desk(shared, shown, number=0, source="bench", fill_form="none")
        desk.on_obstacle("no_line")
        await feed.open()
        desk.open()
        async with asyncio.timeout(5):
            while len(feed.lines) < feed.settings.lines or not shown.has_epoch:
                await asyncio.sleep(0.001)
        yield
        desk.end()
    finally:
        await feed.close()
        await shared.doubts.close()
        await gateway.close()


def _market(now_ns: int) -> Market:
    """One that is open for an hour."""
    return Market(
        slug="btc-updown-60m-1776808414",
        condition_id=CONDITION,
        up_token=UP_TOKEN,
        down_token=DOWN_TOKEN,
        start_ns=now_ns,
        end_ns=now_ns + 3_600 * NS,
    )
