"""One socket of the market channel with books of its own.

`on_message` and `on_chunk_end` are the path: a frame costs one call of the decoder and a note of
what it moved; markets are stepped once a chunk. Everything else happens a few times a second.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import orjson

from polymm._core.decode import Decoder
from polymm._core.layout import CHANGED, MISMATCH, RESOLVED, TICK_SIZE, TRADE
from polymm.domain.order import Token
from polymm.errors import DecodeError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.feed_market import FeedMarket, View
from polymm.venues.polymarket.link import Dialling, Link

_MOVES: Final = CHANGED | TRADE
_ODD: Final = MISMATCH | TICK_SIZE | RESOLVED


class MarketLine:
    """One socket, one decoder, one view of each market.

    Args:
        markets: What to subscribe to first.
        counts: Shared with the feed.
        on_end: Called once with why the socket ended.
        on_resolved: Market and winner.

    Attributes:
        views: By market.
        recv_ns: When the last frame came, 0 before the first.
        opened_ns: When the socket was open, 0 before.
        fault: The last frame that nobody understood.
    """

    def __init__(
        self,
        dialling: Dialling,
        markets: Iterable[FeedMarket],
        counts: Counter[str],
        *,
        on_end: Callable[["MarketLine", str], None],
        on_resolved: Callable[[FeedMarket, Token], None],
    ) -> None:
        self.decoder = Decoder()
        self.views: dict[FeedMarket, View] = {}
        self.recv_ns = 0
        self.opened_ns = 0
        self.fault: DecodeError | None = None
        self.link = Link(
            dialling,
            self.on_message,
            self._greet,
            lambda reason: on_end(self, reason),
            on_chunk_end=self.on_chunk_end,
        )
        self._clock_ns = dialling.clock_ns
        self._counts = counts
        self._on_resolved = on_resolved
        self._feed = self.decoder.feed
        self._touched = self.decoder.touched
        self._by_slot: dict[int, View] = {}
        self._moved: dict[int, bytes] = {}
        self._flags = 0
        for market in markets:
            self.add(market)

    # The path

    def on_message(self, frame: bytes, recv_ns: int) -> None:
        """Apply one frame to the books."""
        try:
            flags = self._feed(frame, recv_ns)
        except DecodeError as error:
            self._take_word(frame, recv_ns, error)
            return
        if flags & _MOVES:
            for slot in self._touched():
                self._moved[slot] = frame
            self._flags |= flags
        if flags & _ODD:
            self._note(frame, flags, recv_ns)
        self.recv_ns = recv_ns

    def on_chunk_end(self) -> None:
        """Let each market that moved take what it got, once for all frames of a chunk."""
        moved = self._moved
        if not moved:
            return
        flags, self._flags, self._moved = self._flags, 0, {}
        recv_ns, by_slot = self.recv_ns, self._by_slot
        for slot, frame in moved.items():
            view = by_slot.get(slot)
            if view is None:
                continue
            view.frame = frame
            view.heard_ns = recv_ns
            if view.mismatch_ns and view.odd_ns != recv_ns:
                view.mismatch_ns = 0
            market = view.market
            if view is market.leader:
                market.on_change(market, flags, recv_ns)
            else:
                market.take(view, flags, recv_ns)

    # Off the path

    async def open(self) -> None:
        """Connect and subscribe.

        Raises:
            DialError: There is no connection.
        """
        await self.link.open()

    @property
    def is_whole(self) -> bool:
        """Whether every market has its first book."""
        return all(view.book.has_epoch for view in self.views.values())

    def add(self, market: FeedMarket) -> View:
        """Make room for a market, and subscribe to it when the socket is open."""
        facts = market.market
        slot = self.decoder.add_market(
            facts.up_token, facts.down_token, tick_e4=market.settled_tick_e4
        )
        book = self.decoder.book(slot)
        lane = market.make_lane(book)
        self.decoder.attach(slot, lane)
        now_ns = self._clock_ns()
        view = View(market, slot, book, lane, now_ns, now_ns)
        self.views[market] = self._by_slot[slot] = view
        market.views.append(view)
        if self.opened_ns:
            self.link.send(_operation("subscribe", [market]))
        return view

    def remove(self, market: FeedMarket) -> None:
        """Unsubscribe from a market and free its slot."""
        view = self.views.pop(market)
        del self._by_slot[view.slot]
        self._moved.pop(view.slot, None)
        self.decoder.remove_market(view.slot)
        self.link.send(_operation("unsubscribe", [market]))
        market.drop(view, self._clock_ns())

    def redrive(self, view: View, now_ns: int) -> None:
        """Ask for a market's first book again: a new epoch in the order of this connection."""
        was_led = view.market.leader is view
        self.link.drop(view.market.market.condition_id)
        view.forget(now_ns)
        view.redrives += 1
        view.redriven_ns = now_ns
        self.link.send(_operation("unsubscribe", [view.market]))
        self.link.send(_operation("subscribe", [view.market]))
        if was_led:
            view.market.elect(now_ns)

    def drop_views(self, now_ns: int) -> None:
        """Let no market look at this socket's books any more."""
        for market, view in self.views.items():
            market.drop(view, now_ns)
        self.views = {}
        self._by_slot = {}

    def _greet(self) -> list[bytes]:
        self.opened_ns = self._clock_ns()
        for view in self.views.values():
            view.awaited_ns = view.asked_ns = self.opened_ns
        first = {
            "type": "market",
            "assets_ids": _tokens(self.views),
            "custom_feature_enabled": True,
        }
        return [orjson.dumps(first)]

    def _take_word(self, frame: bytes, recv_ns: int, error: DecodeError) -> None:
        """Take what is no event: the answer to a ping, or what nobody understands."""
        if frame == wire.PONG:
            self.link.answered(recv_ns)
            return
        self._counts["malformed"] += 1
        self.fault = error
        # What it would have changed is not known: never guess.
        for view in self._named(frame):
            if view.book.has_epoch:
                self._counts["resync_malformed"] += 1
                self.redrive(view, recv_ns)

    def _note(self, frame: bytes, flags: int, recv_ns: int) -> None:
        """Note what a frame says beside levels and trades."""
        views = [self._by_slot[slot] for slot in self._touched()] or self._named(frame)
        if flags & TICK_SIZE:
            for view in views:
                view.market.settle_tick(view, recv_ns)
        if flags & MISMATCH:
            for view in views:
                view.odd_ns = recv_ns
                view.mismatch_ns = view.mismatch_ns or recv_ns
        if flags & RESOLVED:
            for slot, winner in self.decoder.resolved():
                self._on_resolved(self._by_slot[slot].market, Token(winner))

    def _named(self, frame: bytes) -> list[View]:
        return [
            view
            for view in self.views.values()
            if any(token and token in frame for token in view.market.token_bytes)
        ]


def _tokens(markets: Iterable[FeedMarket]) -> list[str]:
    facts = [market.market for market in markets]
    return [token for one in facts for token in (one.up_token, one.down_token) if token]


def _operation(operation: str, markets: Iterable[FeedMarket]) -> bytes:
    message: dict[str, object] = {"operation": operation, "assets_ids": _tokens(markets)}
    if operation == "subscribe":
        message["custom_feature_enabled"] = True
    return orjson.dumps(message)
