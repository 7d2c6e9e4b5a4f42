"""One desk with its real engine, driver and journal, over a venue on paper."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm.domain.market import NS, Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm, Finished
from polymm.engine.engine import EngineSettings
from polymm.engine.limits import RiskLimits
from polymm.engine.ports import SignedOrder
from polymm.engine.recovered import Recovered
from polymm.engine.settings import MakerSettings
from polymm.runtime.clock import Clock
from polymm.runtime.journal import Journal
from polymm.runtime.observed import ObservedVenue
from polymm.runtime.stage_names import new_stages
from polymm.runtime.trading import Trading, TradingSettings
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.budget import Budget

SHARE = 1_000_000
MARKET = Market(
    slug="btc-updown-1m-60",
    condition_id="0x" + "c0" * 32,
    up_token="71000001",
    down_token="71000002",
    start_ns=60 * NS,
    end_ns=120 * NS,
)
BOOK = (
    b'{"event_type":"book","market":"0xc0","asset_id":"71000001","timestamp":"61000",'
    b'"bids":[{"price":"0.47","size":"80"},{"price":"0.48","size":"120"}],'
    b'"asks":[{"price":"0.53","size":"120"},{"price":"0.52","size":"80"}]}'
)
PARAMETERS = BaseParameters(order_size_e6=5 * SHARE, max_position_e6=50 * SHARE)
LIMITS = RiskLimits(
    max_market_e6=100 * SHARE,
    max_total_cost_e6=100 * SHARE,
    order_size_max_e6=50 * SHARE,
    loss_max_e6=100 * SHARE,
    markout_loss_max_e6=100 * SHARE,
    close_margin_ns=NS,
)
TURN_NS = NS // 20
READY_NS_MAX = 40 * NS


class OneFeed:
    """A market in a feed of one socket, fed by hand; both tokens are always proven."""

    def __init__(self, clock_ns: Callable[[], int], market: Market = MARKET) -> None:
        self.market = market
        self.reference_ns = 0
        self.is_contradicted = False
        self.is_tick_doubted = False
        self._clock_ns = clock_ns
        self._decoder = Decoder()
        slot = self._decoder.add_market(market.up_token, market.down_token)
        self.book = self._decoder.book(slot)
        self.lane = Lane(self.book, PARAMETERS, start_ns=market.start_ns, end_ns=market.end_ns)
        self._decoder.attach(slot, self.lane)

    def look(self) -> None:
        pass

    def prove(self, now_ns: int) -> None:
        pass

    def doubt_tick(self) -> None:
        self.is_tick_doubted = True

    @property
    def proven_ns(self) -> tuple[int, int]:
        return self._clock_ns(), self._clock_ns()

    def feed(self, frame: bytes, now_ns: int) -> int:
        return self._decoder.feed(frame, now_ns)

    def __getattr__(self, name: str) -> object:
        owner = self.lane if hasattr(self.lane, name) else self.book
        return getattr(owner, name)


class PaperVenue(ObservedVenue):
    """Remembers what it was asked, and fills when the scene says so.

    Attributes:
        orders: What was written, by hash.
        cancels: Hashes in the order in which their cancels were written.
        sweeps: Markets that were swept, "" for all.
        merges: Pairs that were to be merged.
    """

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        super().__init__(1_000 * SHARE, clock_ns)
        self.orders: dict[str, Place] = {}
        self.cancels: list[str] = []
        self.sweeps: list[str] = []
        self.merges: list[int] = []
        self._held: Counter[tuple[str, Token]] = Counter()

    def write(self, signed: SignedOrder) -> int:
        self.orders[signed.order] = signed.place
        return super().write(signed)

    def cancel(self, orders: Sequence[str]) -> int:
        self.cancels += orders
        return super().cancel(orders)

    def sweep(self, market: str) -> None:
        self.sweeps.append(market)
        super().sweep(market)

    def merge(self, market: str, pairs_e6: int) -> None:
        self.merges.append(pairs_e6)
        self._later(ev.Merged(market, pairs_e6))

    def fill(self, order: str, size_e6: int, status: ev.Settlement = ev.Settlement.MATCHED) -> None:
        """Tell of a fill, under one trade an order; a part of what rests is gone."""
        place, now_ns = self.orders[order], self._clock_ns()
        self._resting.pop(order, None)
        self.take(
            ev.FillTold(
                trade=f"t-{order}",
                order=order,
                leg=0,
                status=status,
                market=MARKET.condition_id,
                token=place.token,
                side=Side(place.side),
                size_e6=size_e6,
                cash_e10=size_e6 * place.price_e4,
                is_maker=True,
                fee_e6=0,
                counter_fee_e6=MARKET.fees.taker_fee_e6(place.price_e4, size_e6),
                stamp_ns=now_ns,
                recv_ns=now_ns,
            )
        )


class FreeDisk:
    """Takes everything and keeps it in memory."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def begin(self, head: bytes) -> None:
        self.bytes += head

    def write(self, frames: bytes, *, is_plan: bool) -> None:
        self.bytes += frames

    def retry(self) -> None:
        raise AssertionError("this disk never fails")

    def close(self) -> None:
        pass


class TradingScene:
    """A trading one second into its only window; the clock moves when the scene says so."""

    def __init__(self, state: Recovered | None = None) -> None:
        self.ns = 61 * NS if state is None else state.last_ns + NS
        clock = Clock(lambda: self.ns, lambda: self.ns)
        self.venue = PaperVenue(clock.now_ns)
        self.feed = OneFeed(clock.now_ns)
        self.alarms: list[Alarm] = []
        self.finished: list[Finished] = []
        self.stages = new_stages()
        engine = EngineSettings(
            limits=LIMITS, close_margin_ns=NS, maker=MakerSettings(merge_enabled=True)
        )
        self.trading = Trading(
            TradingSettings(
                engine=engine, source="test", fill_form="trades", kill_file=Path("/nowhere/kill")
            ),
            self.venue,
            Budget(wire.TIERS["elite"], self.ns),
            Journal(FreeDisk(), Recovered() if state is None else state),
            clock,
            self.stages,
            on_finish=self.finished.append,
            on_alarm=self.alarms.append,
        )
        self.desk = self.trading.add_market(self.feed)  # type: ignore[arg-type]

    async def turn(self, ns: int = 0) -> None:
        """Let time pass and everything answer that is asked."""
        self.ns += ns
        self.trading.pump.take(ev.Timer())
        for _ in range(4):
            await asyncio.sleep(0)

    async def ready(self) -> None:
        """Start the engine and let it prove everything."""
        reconciler = self.trading.engine.reconciler
        self.trading.pump.open()
        self.trading.pump.take(ev.UserChannel(is_live=True, since_ns=self.ns))
        last_ns = self.ns + READY_NS_MAX
        while not reconciler.is_ready(MARKET.condition_id):
            assert self.ns < last_ns, reconciler.step
            await self.turn(TURN_NS)

    def show(self, frame: bytes = BOOK) -> None:
        self.desk.on_book(self.feed.feed(frame, self.ns), self.ns)

    def close(self) -> None:
        self.trading.pump.close()


def played(
    act: Callable[[TradingScene], Awaitable[None]], state: Recovered | None = None
) -> TradingScene:
    """Play a scene on a loop, on what an earlier one left."""
    found: list[TradingScene] = []

    async def play() -> None:
        scene = TradingScene(state)
        found.append(scene)
        try:
            await act(scene)
        finally:
            scene.close()

    asyncio.run(play())
    return found[0]
