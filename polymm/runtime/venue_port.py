"""Where the engine's actions are carried out live: order entry, reads, merges, as events back.

Nothing here decides anything. A read is whole or it is `ReadFailed`, within a deadline of its own;
what the venue says of our orders becomes evidence in `polymm.runtime.venue_words`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from polymm.domain.market import NS, Market
from polymm.domain.order import Place
from polymm.domain.tuples import filled
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Alarm,
    Finished,
    Read,
    ReadBalances,
    ReadKeys,
    ReadOpen,
    ReadOrder,
    ReadPreflight,
    ReadTrades,
)
from polymm.engine.ports import SignedOrder
from polymm.errors import InputError, VenueError
from polymm.net.tasks import Background
from polymm.runtime import venue_words as words
from polymm.runtime.merging import merged
from polymm.runtime.ports import Settler
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.credentials import Secret
from polymm.venues.polymarket.gateway import Gateway
from polymm.venues.polymarket.placing import Posting
from polymm.venues.polymarket.results import (
    BeatResult,
    CancelResult,
    NewOrder,
    PlaceResult,
    SweepResult,
)
from polymm.venues.polymarket.user_events import OrderEvent, UserEvent

# A read that has no answer by then is worth nothing any more: its question is asked anew.
READ_S_MAX: Final = 5.0
# Trades are listed by second of match, and the clocks are not the same.
OVERLAP_S: Final = 5
# The venue wants 180 s; an order travels, and the clocks are not the same.
EXPIRY_NS_MIN: Final = 185 * NS
# Markets that are over; what is still told of their orders is late, and nobody else's.
OVER_MAX: Final = 1_000

OnEvent = Callable[[ev.Event], None]


class HasTick(Protocol):
    """The grid of a market as its book knows it now."""

    @property
    def tick_e4(self) -> int: ...


@dataclass(slots=True)
class Listed:
    """A market that is traded, and the book that knows its tick; None where nothing is placed."""

    market: Market
    book: HasTick | None


class LiveVenue:
    """One account at the venue; a `polymm.engine.ports.Venue`.

    Args:
        gateway: Order entry, open.
        settler: Merges.
        api_key: Owner of our orders.
        clock_ns: The session's.

    Attributes:
        take: Takes every event; set it before anything is sent.
        my_orders: Hashes of all orders the engine knows.
        on_placed: Told of each placement's answer, for its time stamps.
        expiry_margin_ns: Orders say that they die so long before the window's end, where the venue
            still takes that; below 0 for never.
        renew_keys: Has the venue give API credentials anew, and everything use them.
        on_alarm, on_finish: Told what the engine tells people, and that it is done.
        counts: What was odd, by name.
        written: Orders whose bytes were handed over, with when; whoever reads them clears it.
        merging: Merges on their way.
    """

    def __init__(
        self, gateway: Gateway, settler: Settler, api_key: Secret, clock_ns: Callable[[], int]
    ) -> None:
        self.take: OnEvent = nobody
        self.my_orders: Container[str] = ()
        self.on_placed: Callable[[PlaceResult], None] = nobody
        self.expiry_margin_ns = -1
        self.renew_keys: Callable[[], Awaitable[Secret]] = no_keys
        self.on_alarm: Callable[[Alarm], None] = nobody
        self.on_finish: Callable[[Finished], None] = nobody
        self.counts: Counter[str] = Counter()
        self.written: list[tuple[SignedOrder, int]] = []
        self.merging = 0
        self._gateway = gateway
        self._settler = settler
        self._api_key = api_key
        self._clock_ns = clock_ns
        self._listed: dict[str, Listed] = {}
        self._over: dict[str, None] = {}
        self._tasks = Background()

    # Markets

    def add_market(self, market: Market, book: HasTick | None) -> None:
        """Take a market in: its orders can be signed, its fills be read."""
        self._listed[market.condition_id] = Listed(market, book)
        self._gateway.prepare(market)

    def remove_market(self, market: Market) -> None:
        """Forget a market that is settled."""
        if self._listed.pop(market.condition_id, None) is not None:
            self._gateway.forget(market)
            self._over[market.condition_id] = None
            if len(self._over) > OVER_MAX:
                del self._over[next(iter(self._over))]

    async def close(self) -> None:
        """Ask nothing any more."""
        await self._tasks.close()

    # Order entry

    def sign(self, market: str, places: Sequence[Place]) -> Iterator[SignedOrder]:
        """Sign orders, each as it is asked for."""
        listed = self._listed[market]
        assert listed.book is not None, "orders are placed where there is a book"
        facts = listed.market
        tick_e4 = listed.book.tick_e4
        if tick_e4 != facts.tick_e4:
            facts = listed.market = replace(facts, tick_e4=tick_e4)
        dies_s = self._expiration_s(facts)
        kind = wire.GTD if dies_s else wire.GTC
        orders = [
            filled(NewOrder, (facts, token, side, price_e4, size_e6, kind, True, dies_s))
            for _, _, token, side, price_e4, size_e6 in places
        ]
        postings = self._gateway.placements.postings(orders)
        for place, posting in zip(places, postings, strict=True):
            (order,) = posting.order_ids
            yield filled(SignedOrder, (place, order, posting))

    def _expiration_s(self, market: Market) -> int:
        """When an order sent now may say that it dies, unix seconds; 0 where it cannot in time."""
        if self.expiry_margin_ns < 0:
            return 0
        dies_s = (market.end_ns - self.expiry_margin_ns) // NS
        soonest_ns = self._clock_ns() + self._gateway.skew.offset_ns + EXPIRY_NS_MIN
        return dies_s if dies_s * NS >= soonest_ns else 0

    def write(self, signed: SignedOrder) -> int:
        """Hand the bytes of an order over, once."""
        posting = signed.request
        assert isinstance(posting, Posting), "a request is what was signed here"
        self._gateway.submit((posting,), self._on_placed)
        now_ns = self._clock_ns()
        self.written.append((signed, now_ns))
        return now_ns

    def cancel(self, orders: Sequence[str]) -> int:
        """Hand a cancel over; one that then never leaves is told by the time of it."""
        handed_ns = self._clock_ns()
        self._gateway.cancel(orders, partial(self._on_cancelled, handed_ns))
        return handed_ns

    def sweep(self, market: str) -> None:
        """Cancel everything, or everything in a market; what waits to be placed first."""
        on_swept = partial(self._on_swept, market)
        if market:
            self._gateway.cancel_market(market, on_swept)
            return
        self._gateway.withdraw()
        self._gateway.cancel_all(on_swept)

    def beat(self) -> None:
        """Send a heartbeat."""
        if not self._gateway.beat(self._on_beat):
            now_ns = self._clock_ns()
            busy = ev.BeatAnswered(is_accepted=False, reason="busy", sent_ns=0, recv_ns=now_ns)
            asyncio.get_running_loop().call_soon(self.take, busy)

    def _on_placed(self, result: PlaceResult) -> None:
        self.take(words.place_answered(result))
        self.on_placed(result)

    def _on_cancelled(self, handed_ns: int, result: CancelResult) -> None:
        self.take(words.cancel_answered(result, handed_ns))

    def _on_swept(self, market: str, result: SweepResult) -> None:
        self.take(words.swept(market, result, self._clock_ns()))

    def _on_beat(self, result: BeatResult) -> None:
        self.take(words.beat_answered(result, self._clock_ns()))

    # For people

    def alarm(self, alarm: Alarm) -> None:
        """Tell people."""
        self.on_alarm(alarm)

    def finish(self, finished: Finished) -> None:
        """Know that the engine is done."""
        self.on_finish(finished)

    # The user channel

    def hear(self, event: UserEvent, recv_ns: int) -> None:
        """Take what the user channel tells; what cannot be read for certain is missing."""
        market = event.condition_id
        if isinstance(event, OrderEvent):
            if market in self._over:
                self.counts["late_orders"] += 1
            else:
                self.take(words.order_told(event, recv_ns))
            return
        listed = self._listed.get(market)
        if listed is None:
            self.counts["late_fills" if market in self._over else "fills_elsewhere"] += 1
            return
        try:
            fills = words.fills_told(
                event, listed.market, self._api_key.reveal(), self.my_orders, recv_ns
            )
        except VenueError as error:
            self.counts[f"heard_{error.reason}"] += 1
            self.miss(recv_ns)
            return
        for fill in fills:
            self.take(fill)

    def lose(self, since_ns: int) -> None:
        """Know that nothing is heard any more since then."""
        self.take(ev.UserChannel(is_live=False, since_ns=since_ns))

    def miss(self, since_ns: int) -> None:
        """Know that the user channel is heard, and that what it told since then may be missing."""
        self.take(ev.UserChannel(is_live=False, since_ns=since_ns))
        self.take(ev.UserChannel(is_live=True, since_ns=since_ns))

    # Reads

    def read(self, action: Read) -> None:
        """Ask the venue something, in the background; answered or failed within a deadline."""
        match action:
            case ReadOpen(market):
                self._start(ev.ReadKind.OPEN, market, self._read_open(market))
            case ReadOrder(order):
                self._start(ev.ReadKind.ORDER, order, self._read_order(order))
            case ReadTrades(market, after_ns):
                self._start(ev.ReadKind.TRADES, market, self._read_trades(market, after_ns))
            case ReadBalances(markets):
                self._start(ev.ReadKind.BALANCES, "", self._read_balances(markets))
            case ReadPreflight():
                self._start(ev.ReadKind.PREFLIGHT, "", self._read_preflight())
            case ReadKeys():
                self._start(ev.ReadKind.KEYS, "", self._read_keys())

    def _start(self, kind: ev.ReadKind, subject: str, asking: Awaitable[ev.Event]) -> None:
        self._tasks.start(self._ask(kind, subject, self._clock_ns(), asking))

    async def _ask(
        self, kind: ev.ReadKind, subject: str, began_ns: int, asking: Awaitable[ev.Event]
    ) -> None:
        answer: ev.Event
        try:
            async with asyncio.timeout(READ_S_MAX):
                answer = await asking
        except TimeoutError:
            answer = ev.ReadFailed(kind, subject, "timeout", began_ns, self._clock_ns())
        except VenueError as error:
            answer = ev.ReadFailed(kind, subject, error.reason, began_ns, self._clock_ns())
        except InputError:
            # The version of a token's market went with the market.
            answer = ev.ReadFailed(kind, subject, "unprepared", began_ns, self._clock_ns())
        self.take(answer)

    async def _read_open(self, market: str) -> ev.Event:
        began_ns = self._clock_ns()
        orders = await self._gateway.open_orders(market)
        seen = tuple(words.open_seen(order) for order in orders)
        return ev.OpenListed(market, seen, began_ns, self._clock_ns())

    async def _read_order(self, order: str) -> ev.Event:
        began_ns = self._clock_ns()
        found = await self._gateway.order(order)
        seen = None if found is None else words.open_seen(found)
        return ev.OrderRead(order, seen, began_ns, self._clock_ns())

    async def _read_trades(self, market: str, after_ns: int) -> ev.Event:
        began_ns = self._clock_ns()
        after_s = (after_ns + self._gateway.skew.offset_ns) // NS - OVERLAP_S
        trades = await self._gateway.trades(market, max(after_s, 0))
        recv_ns = self._clock_ns()
        fills: list[ev.FillTold] = []
        for trade in trades:
            listed = self._listed.get(trade.condition_id)
            if listed is None:
                self.counts["trades_elsewhere"] += trade.condition_id not in self._over
            else:
                fills += words.fills_listed(
                    trade, listed.market, self._api_key.reveal(), self.my_orders, recv_ns
                )
        return ev.TradesRead(market, after_ns, tuple(fills), began_ns, recv_ns)

    async def _read_balances(self, markets: Sequence[str]) -> ev.Event:
        began_ns = self._clock_ns()
        cash = await self._gateway.balance()
        shares = []
        for condition_id in markets:
            listed = self._listed.get(condition_id)
            if listed is None:
                continue  # it is over by now
            for token_id in (listed.market.up_token, listed.market.down_token):
                held = await self._gateway.balance(token_id)
                token = words.token_of(listed.market, token_id)
                shares.append((condition_id, token, held.balance_e6))
        return ev.BalancesRead(cash.balance_e6, tuple(shares), began_ns, self._clock_ns())

    async def _read_preflight(self) -> ev.Event:
        began_ns = self._clock_ns()
        skew_ns = await self._gateway.measure_skew()
        faults = []
        if await self._gateway.version() != wire.EXCHANGE_GENERATION:
            faults.append("version")
        if await self._gateway.closed_only():
            faults.append("closed_only")
        balance = await self._gateway.balance()
        if not self._is_allowed(balance.allowances_e6):
            faults.append("no_allowance")
        return ev.PreflightRead(tuple(faults), skew_ns, began_ns, self._clock_ns())

    def _is_allowed(self, allowances_e6: Mapping[str, int]) -> bool:
        """Whether the exchanges of all markets may take cash; while there is none, one of all."""
        chain_id = self._gateway.wallet.chain_id
        wanted = {
            wire.EXCHANGES[chain_id, listed.market.version, listed.market.neg_risk].lower()
            for listed in self._listed.values()
        }
        known = {address.lower() for key, address in wire.EXCHANGES.items() if key[0] == chain_id}
        # An older shape has one allowance, and does not say whose.
        unnamed_e6 = allowances_e6.get("", 0)
        is_allowed = [allowances_e6.get(one, unnamed_e6) > 0 for one in wanted or known]
        return all(is_allowed) if wanted else any(is_allowed)

    async def _read_keys(self) -> ev.Event:
        began_ns = self._clock_ns()
        self._api_key = await self.renew_keys()
        return ev.KeysRead(began_ns, self._clock_ns())

    # Merges

    def merge(self, market: str, pairs_e6: int) -> None:
        """Turn confirmed pairs into cash; told once, when it is certain."""
        self.merging += 1
        self._tasks.start(self._merge(market, pairs_e6))

    async def _merge(self, market: str, pairs_e6: int) -> None:
        """Merge; one that may have run and may not is told as failed: balances tell the truth."""
        try:
            facts = self._listed[market].market
            self.take(await merged(self._settler, facts, pairs_e6, self.counts))
        finally:
            self.merging -= 1


async def no_keys() -> Secret:
    """Stand for a venue that gives no keys."""
    raise VenueError("refused", "nobody is asked for keys", is_known=True)


def nobody(*_: object) -> None:
    """Stand for nobody who listens."""
