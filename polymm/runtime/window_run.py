"""Leading one desk through its window: open, quote, pull, verify, settle, count the money.

Everything that waits is here; what must not wait is in `polymm.runtime.desk`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.errors import VenueError
from polymm.net.tasks import Background
from polymm.research.records import MarketRun, OrderTotals
from polymm.research.tape_money import marked_e6, pnl_of_fills_e6
from polymm.runtime.desk import Desk
from polymm.runtime.doubts import listed_fills
from polymm.venues.polymarket.results import SettleState, SweepResult, TradeRecord

# The close margin: time to see every cancel proven, then to sweep and to ask what is left.
PROOF_SHARE: Final = 0.4
LOOK_S: Final = 0.02
AFTER_CLOSE_NS: Final = 5 * NS
# Winners are told within 316 s at the venue (markets-5m notes); asked for from a second on.
RESOLVE_NS_MAX: Final = 400 * NS
ASK_WINNER_S: Final = 1.0
# Transactions of one wallet run one after the other, each for some seconds.
SETTLE_S_MAX: Final = 60.0
MERGE_TRIES: Final = 3
MERGE_RETRY_S: Final = 1.0

# Asks who won; None while that is not known.
AskWinner = Callable[[str], Awaitable[Token | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a window left to the account.

    Args:
        cash_e6: Change of cash by the venue's own list of trades, with merges and what was
            redeemed, 1e-6 dollars.
        owed_e6: What winning shares that were not redeemed are worth.
        faults: What does not add up, one sentence each.
    """

    cash_e6: int
    owed_e6: int
    faults: tuple[str, ...]


class WindowRun:
    """One desk's way through its window.

    Args:
        desk: Whose.
        ask_winner: Asked for the winner when the feed does not tell it.
        stop: Set when the run is to end before the window does.
        lost: Set when the venue is gone for good, with ``stop``: nothing is asked of it any more.
        on_pulled: Called when nothing of ours rests any more, with when quoting ended.

    Attributes:
        closed_ns: When everything was pulled, 0 before.
    """

    def __init__(
        self,
        desk: Desk,
        ask_winner: AskWinner,
        stop: asyncio.Event,
        lost: asyncio.Event,
        on_pulled: Callable[[int], None],
    ) -> None:
        self.desk = desk
        self.closed_ns = 0
        self._ask_winner = ask_winner
        self._stop = stop
        self._lost = lost
        self._on_pulled = on_pulled
        self._clock = desk.shared.clock
        self._merges = Background()
        desk.on_merge = self._merge

    async def live(self) -> Ending:
        """Lead the desk from here to the end of its money."""
        desk, market = self.desk, self.desk.market
        await self._until(market.start_ns)
        if not self._stop.is_set():
            desk.open()
        await self._until(market.end_ns - desk.shared.close_margin_ns)
        await self._pull()
        self._on_pulled(self.closed_ns)
        is_stopped = self._stop.is_set() and self._clock.now_ns() < market.end_ns
        if not is_stopped:
            await self._resolve()
        await self._settle()
        desk.end()
        return await self._count(is_stopped=is_stopped)

    async def _until(self, ns: int) -> None:
        """Wait for a time, or for the run to be stopped."""
        wait_s = (ns - self._clock.now_ns()) / NS
        if wait_s > 0 and not self._stop.is_set():
            try:
                async with asyncio.timeout(wait_s):
                    await self._stop.wait()
            except TimeoutError:
                return

    # The close

    async def _pull(self) -> None:
        """Cancel everything, sweep the market, and ask until the venue lists nothing of ours."""
        desk, market = self.desk, self.desk.market
        now_ns = self._clock.now_ns()
        self.closed_ns = now_ns
        margin_ns = desk.shared.close_margin_ns
        desk.close()
        await self._wait_for(lambda: desk.is_flat, PROOF_SHARE * margin_ns / NS)
        if not self._lost.is_set():
            await self._sweep()
        last_ns = now_ns + margin_ns + AFTER_CLOSE_NS
        while not self._lost.is_set():
            left = await self._listed()
            if left == 0 and desk.is_flat:
                return
            now_ns = self._clock.now_ns()
            if left and now_ns >= market.end_ns:
                desk.record.defects["orders_after_close"] = left
            if now_ns >= last_ns:
                break
            if left:
                await self._sweep()
            await asyncio.sleep(LOOK_S)
        desk.record.defects["close_unproven"] = 1

    async def _listed(self) -> int | None:
        """How many orders of ours the venue lists in this market, None where it does not say."""
        try:
            orders = await self.desk.shared.entry.open_orders(self.desk.market.condition_id)
        except VenueError as error:
            self._count_defect(f"close_{error.reason}")
            return None
        return len(orders)

    async def _sweep(self) -> None:
        """Cancel whatever rests in this market, known to us or not."""
        swept: asyncio.Future[SweepResult] = asyncio.get_running_loop().create_future()
        entry, condition_id = self.desk.shared.entry, self.desk.market.condition_id
        entry.cancel_market(condition_id, partial(_set, swept))
        result = await swept
        if not result.is_known:
            self._count_defect(f"sweep_{result.reason}")

    # The end

    async def _resolve(self) -> None:
        """Wait for the winner: the feed tells, and after a while the catalogue is asked."""
        desk = self.desk
        await self._until(desk.market.end_ns)
        last_ns = desk.market.end_ns + RESOLVE_NS_MAX
        while desk.winner is None and self._clock.now_ns() < last_ns:
            if self._stop.is_set():
                return
            await self._wait_for(lambda: desk.winner is not None, ASK_WINNER_S)
            if desk.winner is None:
                try:
                    desk.winner = await self._ask_winner(desk.market.slug)
                except VenueError as error:
                    self._count_defect(f"winner_{error.reason}")

    async def _settle(self) -> None:
        """Wait for what is on its way to the chain: trades and merges."""
        desk = self.desk
        await self._wait_for(
            lambda: desk.settled.is_all and not self._merges and desk.is_flat, SETTLE_S_MAX
        )
        await self._merges.close()

    async def _wait_for(self, is_true: Callable[[], bool], wait_s: float) -> None:
        """Wait until something is true, looking now and then."""
        # Not by time-outs: each would leave a cycle of frames for the collector, which is off.
        last_ns = self._clock.now_ns() + int(wait_s * NS)
        while not is_true() and self._clock.now_ns() < last_ns and not self._lost.is_set():
            await asyncio.sleep(LOOK_S)

    # Merges

    def _merge(self, pairs_e6: int) -> None:
        if self.desk.shared.settler is None:
            return
        self._merges.start(self._carry_out(pairs_e6))

    async def _carry_out(self, pairs_e6: int) -> None:
        """Merge pairs once they are on the chain; what fails is left to the redemption."""
        desk, settler = self.desk, self.desk.shared.settler
        assert settler is not None
        settled = desk.settled
        await self._wait_for(lambda: settled.pairs_e6 >= pairs_e6 or settled.is_all, SETTLE_S_MAX)
        if settled.pairs_e6 < pairs_e6:
            self._count_defect("merge_without_pairs")  # a trade has failed
            return
        for _ in range(MERGE_TRIES):
            result = await settler.merge(desk.market, pairs_e6)
            if result.state is SettleState.SETTLED:
                desk.take_merged(pairs_e6)
                return
            self._count_defect(f"merge_{result.reason}")
            if not result.may_retry:
                return
            await asyncio.sleep(MERGE_RETRY_S)

    # Money

    async def _count(self, *, is_stopped: bool) -> Ending:
        """Pay out or mark, and hold the venue's list of trades against the fills heard of."""
        desk, run = self.desk, self.desk.record
        now_ns = self._clock.now_ns()
        desk.recorder.finish(min(now_ns, desk.market.end_ns))
        _write_orders(desk)
        faults: list[str] = []
        up_e6, down_e6 = held_e6(run)
        payout_e6 = 0
        if desk.winner is not None and not is_stopped:
            run.status, run.payout_up = "settled", 1.0 if desk.winner is Token.UP else 0.0
            payout_e6 = (up_e6, down_e6)[desk.winner]
        else:
            run.exclusion = "stopped" if self._stop.is_set() else "no_outcome"
            run.unsettled_value_e6 = marked_e6(up_e6, down_e6, desk.recorder.fair)
        is_redeemed = await self._redeem(payout_e6, up_e6, down_e6)
        fills = [record.fill for record in run.fills]
        run.pnl_fills_e6 = pnl_of_fills_e6(
            fills, run.merges, payout_up=run.payout_up, fair=desk.recorder.fair
        )
        run.rebate_e6 = sum(f.counter_fee_e6 for f in fills) * desk.market.fees.rebate_e6 // 10**6
        merged_e6 = sum(pairs_e6 for _, pairs_e6 in run.merges)
        listed_e10 = await self._listed_cash_e10(faults)
        # What cannot be read is believed, and told as a fault.
        cash_e6 = run.pnl_fills_e6 - run.unsettled_value_e6 - payout_e6
        if listed_e10 is not None:
            cash_e6 = listed_e10 // 10_000 + merged_e6
        run.cash_end_e6 = cash_e6 + payout_e6
        ledger_e6 = run.cash_end_e6 + run.unsettled_value_e6
        if ledger_e6 != run.pnl_fills_e6:
            faults.append(
                f"{desk.market.slug}: PnL by the venue's list of trades is {ledger_e6}e-6 dollars,"
                f" by the fills heard of {run.pnl_fills_e6}e-6"
            )
        paid_e6 = payout_e6 if is_redeemed else 0
        return Ending(cash_e6=cash_e6 + paid_e6, owed_e6=payout_e6 - paid_e6, faults=tuple(faults))

    async def _redeem(self, payout_e6: int, up_e6: int, down_e6: int) -> bool:
        """Turn winning shares into dollars; the venue does it by itself where this fails."""
        settler = self.desk.shared.settler
        if not payout_e6 or settler is None:
            return True
        redeeming = asyncio.create_task(
            settler.redeem(self.desk.market, up_e6=up_e6, down_e6=down_e6)
        )
        losing = asyncio.create_task(self._lost.wait())
        await asyncio.wait((redeeming, losing), return_when=asyncio.FIRST_COMPLETED)
        losing.cancel()
        if not redeeming.done():
            redeeming.cancel()
            return False
        result = redeeming.result()
        if result.state is not SettleState.SETTLED:
            self._count_defect(f"redeem_{result.reason}")
        return result.state is SettleState.SETTLED

    async def _listed_cash_e10(self, faults: list[str]) -> int | None:
        """Cash moved by this market's trades as the venue lists them, fees taken off.

        None where it does not; why is among ``faults``, unless the venue is gone for good.
        """
        desk = self.desk
        if self._lost.is_set():
            return None
        try:
            trades = await desk.shared.entry.trades(desk.market.condition_id)
        except VenueError as error:
            faults.append(f"{desk.market.slug}: its trades cannot be read: {error}")
            return None
        return sum(_cash_e10(desk, trade) for trade in trades if trade.status != "FAILED")

    def _count_defect(self, name: str) -> None:
        defects = self.desk.record.defects
        defects[name] = defects.get(name, 0) + 1


def held_e6(run: MarketRun) -> tuple[int, int]:
    """Up and Down shares that a market's fills and merges leave: those that failed are out."""
    held = [-sum(pairs_e6 for _, pairs_e6 in run.merges)] * 2
    for record in run.fills:
        fill = record.fill
        held[fill.token] += fill.size_e6 if fill.side is Side.BUY else -fill.size_e6
    return held[Token.UP], held[Token.DOWN]


def _set(future: "asyncio.Future[SweepResult]", result: SweepResult) -> None:
    if not future.done():
        future.set_result(result)


def _cash_e10(desk: Desk, trade: TradeRecord) -> int:
    """Cash one trade moved for us, 1e-10 dollars."""
    cash_e10 = 0
    for fill in listed_fills(trade, desk.dispatch.by_hash):
        fee_e6 = 0
        if not fill.is_maker:
            fee_e6 = desk.market.fees.taker_fee_e6(fill.price_e4, fill.size_e6)
        cash_e10 += (-1 if fill.side is Side.BUY else 1) * fill.cash_e10 - fee_e6 * 10_000
    return cash_e10


def _write_orders(desk: Desk) -> None:
    """Sum up what became of all orders: each ends as filled, cancelled, rejected or expired."""
    run = desk.record
    run.orders = totals = OrderTotals()
    for sent in desk.dispatch.sent.values():
        size_e6, filled_e6 = sent.place.size_e6, sent.booked_e6
        rest_e6 = size_e6 - filled_e6
        totals.placed_n += 1
        totals.placed_e6 += size_e6
        totals.filled_e6 += filled_e6
        if sent.end == "rejected":
            totals.rejected_e6 += rest_e6
            reasons = totals.reject_reasons
            reasons[sent.reject_reason] = reasons.get(sent.reject_reason, 0) + 1
        elif sent.end == "expired":
            totals.expired_e6 += rest_e6
        elif sent.end:
            totals.cancelled_e6 += rest_e6
        else:
            totals.open_e6 += rest_e6
        if sent.is_alive:
            run.order_queue.append((sent.front_e6, size_e6, filled_e6))
    run.cycles = dict(sorted(desk.maker.cycles.items()))
    run.counts = dict(sorted(desk.maker.counts.items()))
    for name, n in desk.dispatch.counts.items():
        run.defects[name] = run.defects.get(name, 0) + n
