"""Our side of tick to trade, as `polymm run` puts it together: feed, engine, journal, gateway.

Orders and cancels go over real sockets; what is read beside the path is answered on paper. What a
session adds (finding windows, the user channel, the chain) is not on the path.
"""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

from benches.path.tick_server import CONDITION, DOWN_TOKEN, UP_TOKEN
from benches.peers.order_roster import API_KEY, API_PASSPHRASE, API_SECRET, KEY
from polymm.domain.market import NS, Market
from polymm.domain.order import Place
from polymm.engine.engine import EngineSettings
from polymm.engine.evidence import UserChannel
from polymm.engine.limits import RiskLimits
from polymm.engine.ports import SignedOrder
from polymm.engine.proving import ReconcileSettings
from polymm.engine.records import RunBegun
from polymm.engine.settings import MakerSettings
from polymm.runtime.clock import Clock
from polymm.runtime.desk import Desk
from polymm.runtime.journal_files import JournalSettings, open_journal
from polymm.runtime.observed import ObservedVenue
from polymm.runtime.recorder import Channel, Recorder
from polymm.runtime.stage_names import new_stages
from polymm.runtime.trading import Trading, TradingSettings
from polymm.runtime.venue_port import HasTick, LiveVenue
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.market_feed import MarketFeed, MarketFeedSettings
from polymm.venues.polymarket.results import PlaceResult, SettleResult
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
_MANY = 1_000_000
_LIMITS = RiskLimits(
    max_market_e6=_MANY * _MANY,
    max_total_cost_e6=_MANY * _MANY,
    order_size_max_e6=_MANY * _MANY,
    loss_max_e6=_MANY * _MANY,
    markout_loss_max_e6=_MANY * _MANY,
    close_margin_ns=0,
    orders_a_second_max=_MANY,
    orders_a_minute_max=_MANY,
    rejects_max=_MANY,
)
READY_S_MAX = 5.0


def hosts(port: int) -> Hosts:
    """All services at the bench's venue."""
    http, feed = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/feed"
    return Hosts(
        clob=http, gamma=http, data=http, relayer=http, rpc=http,
        ws_market=feed, ws_user=feed, prices=feed, rtds=feed,
    )  # fmt: skip


class Plenty:
    """Token buckets that are never empty: every tick is worth a requote."""

    bursts = (_MANY, _MANY)

    def tokens(self, now_ns: int) -> tuple[int, int]:
        """Tokens for orders and for cancels."""
        return self.bursts

    def reserve(self, live: int) -> int:
        """Cancel tokens to keep."""
        return 0


class NoChain:
    """Nothing fills, so that nothing is merged or redeemed."""

    async def merge(self, market: Market, pairs_e6: int) -> SettleResult:
        """Never asked."""
        raise AssertionError("nothing fills")

    async def redeem(self, market: Market, *, up_e6: int, down_e6: int) -> SettleResult:
        """Never asked."""
        raise AssertionError("nothing fills")


class BenchVenue(ObservedVenue):
    """Signs, writes and cancels over sockets; everything else is on paper.

    Attributes:
        fresh: Orders written since this was cleared last.
    """

    def __init__(self, live: LiveVenue, clock_ns: Callable[[], int]) -> None:
        super().__init__(_MANY * _MANY, clock_ns)
        self.fresh: list[str] = []
        self._live = live

    def join(self, on_placed: Callable[[PlaceResult], None]) -> None:
        """Have what comes over the sockets told like what is on paper."""
        self._live.take = self.take
        self._live.on_placed = on_placed
        self.written = self._live.written

    def add_market(self, market: Market, book: HasTick | None) -> None:
        """Prepare its orders."""
        self._live.add_market(market, book)

    def sign(self, market: str, places: Sequence[Place]) -> Iterator[SignedOrder]:
        """Sign for the venue."""
        return self._live.sign(market, places)

    def write(self, signed: SignedOrder) -> int:
        """Write to the venue."""
        self.fresh.append(signed.order)
        return self._live.write(signed)

    def cancel(self, orders: Sequence[str]) -> int:
        """Cancel at the venue."""
        return self._live.cancel(orders)


class Staged:
    """Notes the stages of the first order of each tick.

    Args:
        trading: Whose orders.
        on_done: Called when all orders of a tick are answered.

    Attributes:
        recv_ns: When the frame was received that was decided upon last; ``decoded_ns`` when the
            books had it.
    """

    def __init__(
        self, trading: Trading, venue: BenchVenue, samples: Samples, on_done: Callable[[], object]
    ) -> None:
        self.recv_ns = 0
        self.decoded_ns = 0
        self._counted = venue.on_placed
        self._samples = samples
        self._on_done = on_done
        self._left: set[str] = set()
        venue.join(self.answered)

    def written(self, orders: Iterable[str]) -> None:
        """Know which orders a tick has caused."""
        self._left.update(orders)

    def answered(self, result: PlaceResult) -> None:
        """Take the answer to an order."""
        assert result.reason == "post_only_crosses", result
        self._counted(result)
        if result.order_id not in self._left:
            return
        if self.recv_ns:
            self._note(result, self.recv_ns, self.decoded_ns)
            self.recv_ns = 0
        self._left.remove(result.order_id)
        if not self._left:
            # After what the engine still has to do with the answer.
            asyncio.get_running_loop().call_soon(self._on_done)

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
    port: int,
    signature_type: int,
    samples: Samples,
    on_done: Callable[[], object],
    *,
    ahead_ticks: int = 0,
    is_recorded: bool = False,
) -> AsyncIterator[None]:
    """Run one desk on the bench's venue; it quotes from shortly after the first tick on.

    Args:
        samples: By stage; gets the durations of first orders, ns.
        on_done: Called when all orders of a tick are answered.
        ahead_ticks: As of `GatewaySettings`.
        is_recorded: Have all that is received and done recorded, as `polymm run` does.
    """
    clock, rng = Clock(), random.Random(1)
    wallet = Wallet(key=SigningKey(Secret(KEY)), signature_type=SignatureType(signature_type))
    credentials = ApiCredentials(Secret(API_KEY), Secret(API_SECRET), Secret(API_PASSPHRASE))
    settings = GatewaySettings(tier="elite", ahead_ticks=ahead_ticks)
    gateway = Gateway(
        hosts(port), wallet, credentials, settings=settings, rng=rng, clock_ns=clock.now_ns
    )
    venue = BenchVenue(LiveVenue(gateway, NoChain(), credentials.key, clock.now_ns), clock.now_ns)
    desks: dict[FeedMarket, Desk] = {}
    with tempfile.TemporaryDirectory(prefix="polymm-bench-") as folder:
        recorder = Recorder(Path(folder) / "recording", clock.now_ns, {}) if is_recorded else None
        journal = open_journal(
            Path(folder),
            "bench",
            JournalSettings(),
            loop=asyncio.get_running_loop(),
            tee=None if recorder is None else recorder.journal,
        )
        if recorder is not None:
            recorder.open()
        journal.begin(RunBegun("bench", "", "bench", clock.now_ns()))
        trading = Trading(
            TradingSettings(
                engine=EngineSettings(
                    limits=_LIMITS,
                    close_margin_ns=0,
                    maker=_MAKER,
                    reconcile=ReconcileSettings(apart_ns=NS // 100, retry_ns_min=NS // 100),
                ),
                source="bench",
                fill_form="none",
                kill_file=Path(folder) / "kill",
            ),
            venue,
            Plenty(),
            journal,
            clock,
            new_stages(),
            on_finish=lambda _: None,
            on_alarm=print,
        )
        staged = Staged(trading, venue, samples, on_done)

        def on_change(market: FeedMarket, flags: int, recv_ns: int) -> None:
            staged.recv_ns, staged.decoded_ns = recv_ns, clock.now_ns()
            desk = desks[market]
            venue.fresh.clear()
            desk.on_book(flags, recv_ns)
            staged.written(venue.fresh)

        feed = MarketFeed(
            hosts(port).ws_market,
            _no_witness,
            on_change,
            on_obstacle=lambda market, why: desks[market].on_obstacle(why),
            rng=rng,
            settings=MarketFeedSettings(time_ns=0),
            clock_ns=clock.now_ns,
            tap=None if recorder is None else recorder.tap(Channel.MARKET),
        )
        market = _market(clock.now_ns())
        await gateway.open()
        try:
            shown = feed.add(market, _PARAMETERS)
            desk = desks[shown] = trading.add_market(shown)
            desk.on_obstacle("no_line")
            trading.pump.open()
            trading.pump.take(UserChannel(is_live=True, since_ns=clock.now_ns()))
            await feed.open()
            desk.open()
            async with asyncio.timeout(READY_S_MAX):
                while len(feed.lines) < feed.settings.lines or not shown.has_epoch:
                    await asyncio.sleep(0.001)
                while not trading.engine.reconciler.is_ready(CONDITION):
                    await asyncio.sleep(0.001)
            yield
        finally:
            trading.pump.close()
            await feed.close()
            await gateway.close()
            journal.close()
            if recorder is not None:
                fault = recorder.close()
                assert not recorder.lost_frames, fault


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
