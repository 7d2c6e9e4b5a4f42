"""Leading one desk through its window: open, wait for its proven close, settle, count the money.

Everything that waits is here. When quotes are pulled and what proves that nothing rests is the
engine's; what a window left is counted by the venue's own list of trades.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.errors import VenueError
from polymm.research.records import MarketRun, OrderTotals
from polymm.research.tape_money import marked_e6, pnl_of_fills_e6
from polymm.runtime import venue_words as words
from polymm.runtime.desk import Desk
from polymm.runtime.ports import Settler
from polymm.runtime.trading import Trading
from polymm.venues.polymarket.credentials import Secret
from polymm.venues.polymarket.results import SettleState, TradeRecord

LOOK_S: Final = 0.02
AFTER_CLOSE_NS: Final = 5 * NS
# Winners are told within 316 s at the venue (markets-5m notes); asked for from a second on.
RESOLVE_NS_MAX: Final = 400 * NS
ASK_WINNER_S: Final = 1.0
# Transactions of one wallet run one after the other, each for some seconds.
SETTLE_S_MAX: Final = 60.0
# A run that is told to end does not wait for the chain: it has to be gone within five seconds.
STOPPED_S_MAX: Final = 1.0

# Asks who won; None while that is not known.
AskWinner = Callable[[str], Awaitable[Token | None]]


class ListsTrades(Protocol):
    """Whoever knows what the venue lists of our trades."""

    async def trades(self, condition_id: str) -> list[TradeRecord]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnd:
    """What a window left to the account.

    Args:
        cash_e6: Change of cash by the venue's own list of trades, with merges and what was
            redeemed, 1e-6 dollars.
        paid_e6: Of that, what winning shares paid.
        owed_e6: What winning shares that were not redeemed are worth.
        is_settled: Whether everything of it is on the chain.
        is_final: Whether nothing of it is left for another run to count.
        faults: What does not add up, one sentence each.
    """

    cash_e6: int
    paid_e6: int
    owed_e6: int
    is_settled: bool
    is_final: bool
    faults: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class RunShared:
    """What all windows of a session have in common.

    Args:
        trading: The engine at work.
        lists: Lists trades; None where nothing is sent.
        settler: Redeems; None likewise.
        api_key: Owner of our orders.
        ask_winner: Asked for the winner when the feed does not tell it.
        close_margin_ns: How long before a window's end everything is pulled.
        stop: Set when the run is to end before the window does.
        over: Set when the engine has said its last word.
        lost: Set when the venue is gone for good, with ``stop``: nothing is asked of it any more.
    """

    trading: Trading
    lists: ListsTrades | None
    settler: Settler | None
    api_key: Secret | None
    ask_winner: AskWinner
    close_margin_ns: int
    stop: asyncio.Event
    over: asyncio.Event
    lost: asyncio.Event


class WindowRun:
    """One desk's way through its window.

    Args:
        shared: What all windows share.
        desk: Whose.
        on_pulled: Called when nothing of ours rests any more, with when quoting ended.
    """

    def __init__(self, shared: RunShared, desk: Desk, on_pulled: Callable[[int], None]) -> None:
        self.desk = desk
        self._shared = shared
        self._trading = shared.trading
        self._on_pulled = on_pulled
        self._clock_ns = desk.shared.clock_ns

    async def live(self) -> WindowEnd:
        """Lead the desk from here to the end of its money."""
        desk, market, stop = self.desk, self.desk.market, self._shared.stop
        close_ns = market.end_ns - self._shared.close_margin_ns
        await self._until(market.start_ns)
        if not stop.is_set() and self._clock_ns() < market.end_ns:
            desk.open()
        await self._until(close_ns)
        closed_ns = self._clock_ns()
        await self._pulled()
        self._on_pulled(closed_ns)
        is_stopped = stop.is_set() and self._clock_ns() < market.end_ns
        if not is_stopped:
            await self._resolve()
        await self._settle()
        return await self._count(is_stopped=is_stopped)

    async def _until(self, ns: int) -> None:
        """Wait for a time, or for the run to be stopped."""
        stop = self._shared.stop
        wait_s = (ns - self._clock_ns()) / NS
        if wait_s > 0 and not stop.is_set():
            try:
                async with asyncio.timeout(wait_s):
                    await stop.wait()
            except TimeoutError:
                return

    async def _wait_for(self, is_true: Callable[[], bool], wait_s: float) -> None:
        """Wait until something is true, looking now and then."""
        # Not by time-outs: each would leave a cycle of frames for the collector, which is off.
        last_ns = self._clock_ns() + int(wait_s * NS)
        lost = self._shared.lost
        while not is_true() and self._clock_ns() < last_ns and not lost.is_set():
            await asyncio.sleep(LOOK_S)

    # The close

    async def _pulled(self) -> None:
        """Wait until the engine has proven that nothing of ours rests in the market."""
        desk, market = self.desk, self.desk.market
        last_ns = market.end_ns + AFTER_CLOSE_NS
        while not self._shared.lost.is_set():
            if self._is_clean():
                return
            now_ns = self._clock_ns()
            if now_ns >= market.end_ns and desk.live_n:
                desk.record.defects["orders_after_close"] = desk.live_n
            if now_ns >= last_ns or self._shared.over.is_set():
                break
            await asyncio.sleep(LOOK_S)
        desk.record.defects["close_unproven"] = 1

    def _is_clean(self) -> bool:
        finished = self._trading.finished
        if finished is not None:
            return finished.code != "unproven"
        market = self.desk.market.condition_id
        return self._trading.engine.reconciler.is_closed_clean(market) and self.desk.is_flat

    # The end

    async def _resolve(self) -> None:
        """Wait for the winner: the feed tells, and after a while the catalogue is asked."""
        desk, stop = self.desk, self._shared.stop
        await self._until(desk.market.end_ns)
        last_ns = desk.market.end_ns + RESOLVE_NS_MAX
        while desk.winner is None and self._clock_ns() < last_ns:
            if stop.is_set():
                return
            await self._wait_for(lambda: desk.winner is not None, ASK_WINNER_S)
            if desk.winner is None:
                try:
                    desk.winner = await self._shared.ask_winner(desk.market.slug)
                except VenueError as error:
                    desk.count(f"winner_{error.reason}")

    async def _settle(self) -> None:
        """Wait for what is on its way to the chain: trades and merges."""
        wait_s = STOPPED_S_MAX if self._shared.stop.is_set() else SETTLE_S_MAX
        await self._wait_for(self._is_settled, wait_s)

    def _is_settled(self) -> bool:
        # What is redeemed before balances were compared would be found as a difference.
        is_compared = self._trading.engine.reconciler.ready_ns >= 0
        is_settled = self._trading.is_settled(self.desk.market.condition_id)
        return is_compared and is_settled and self.desk.is_flat

    # Money

    async def _count(self, *, is_stopped: bool) -> WindowEnd:
        """Pay out or mark, and hold the venue's list of trades against the fills heard of."""
        desk, run = self.desk, self.desk.record
        desk.recorder.finish(min(self._clock_ns(), desk.market.end_ns))
        write_orders(desk)
        faults: list[str] = []
        up_e6, down_e6 = held_e6(run)
        payout_e6 = 0
        if desk.winner is not None and not is_stopped:
            run.status, run.payout_up = "settled", 1.0 if desk.winner is Token.UP else 0.0
            payout_e6 = (up_e6, down_e6)[desk.winner]
        else:
            run.exclusion = "stopped" if self._shared.stop.is_set() else "no_outcome"
            run.unsettled_value_e6 = marked_e6(up_e6, down_e6, desk.recorder.fair)
        is_settled = self._is_settled()
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
        return WindowEnd(
            cash_e6=cash_e6 + paid_e6,
            paid_e6=paid_e6,
            owed_e6=payout_e6 - paid_e6,
            is_settled=is_settled and (is_redeemed or not payout_e6),
            is_final=not self._shared.stop.is_set() or (run.status == "settled" and is_redeemed),
            faults=tuple(faults),
        )

    async def _redeem(self, payout_e6: int, up_e6: int, down_e6: int) -> bool:
        """Turn winning shares into dollars; the venue does it by itself where this fails.

        A run that is told to end leaves it to the next one, which finds it done or does it.
        """
        settler, stop = self._shared.settler, self._shared.stop
        if not payout_e6 or settler is None:
            return True
        if stop.is_set():
            return False
        redeeming = asyncio.create_task(
            settler.redeem(self.desk.market, up_e6=up_e6, down_e6=down_e6)
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((redeeming, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not redeeming.done():
            redeeming.cancel()
            return False
        result = redeeming.result()
        if result.state is not SettleState.SETTLED:
            self.desk.count(f"redeem_{result.reason}")
        return result.state is SettleState.SETTLED

    async def _listed_cash_e10(self, faults: list[str]) -> int | None:
        """Cash moved by this market's trades as the venue lists them, fees taken off.

        None where it does not; why is among ``faults``, unless the venue is gone for good.
        """
        shared, market = self._shared, self.desk.market
        if shared.lost.is_set():
            return None
        if shared.lists is None or shared.api_key is None:
            return 0
        key = shared.api_key.reveal()
        try:
            trades = await shared.lists.trades(market.condition_id)
            mine = self._trading.engine.orders.by_hash
            fills = [
                fill
                for trade in trades
                if trade.status != "FAILED"
                for fill in words.fills_listed(trade, market, key, mine, 0)
            ]
        except VenueError as error:
            faults.append(f"{market.slug}: its trades cannot be read: {error}")
            return None
        return sum(
            (-1 if fill.side is Side.BUY else 1) * fill.cash_e10 - fill.fee_e6 * 10_000
            for fill in fills
        )


def held_e6(run: MarketRun) -> tuple[int, int]:
    """Up and Down shares that a market's fills and merges leave: those that failed are out."""
    held = [-sum(pairs_e6 for _, pairs_e6 in run.merges)] * 2
    for record in run.fills:
        fill = record.fill
        held[fill.token] += fill.size_e6 if fill.side is Side.BUY else -fill.size_e6
    return held[Token.UP], held[Token.DOWN]


def write_orders(desk: Desk) -> None:
    """Sum up what became of all orders: each ends as filled, cancelled, rejected or expired."""
    run = desk.record
    run.orders = totals = OrderTotals()
    for sent in desk.sent.values():
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
