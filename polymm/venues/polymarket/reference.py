"""Reference prices: PolyBolt, and the legacy socket while that one is closed or silent.

A socket without any price for too long is replaced, since both were seen to freeze while they
answered pings. What both tell goes to one board.
"""

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from polymm.errors import DecodeError, DialError
from polymm.net.pacing import Backoff
from polymm.net.tasks import minded
from polymm.net.websocket import ENGINES
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.link import Dialling, Link, SocketTap, socket_auth
from polymm.venues.polymarket.price_board import Price, PriceBoard
from polymm.venues.polymarket.price_reading import (
    PriceFrame,
    PriceKind,
    read_polybolt,
    read_rtds,
)

__all__ = ["OnPrice", "Price", "PriceKind", "ReferenceFeed", "ReferenceSettings"]

OnPrice = Callable[[Price], None]

POLYBOLT: Final = "polybolt"
RTDS: Final = "rtds"
_DRAINED: Final = f"closed_{wire.PRICE_CLOSE_DRAINING}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSettings:
    """How the sockets are kept.

    Args:
        window_s: Seconds the averaged price is taken over.
        age_ns_max: A price that came longer ago is old.
        stale_ns_max: A socket without any price for so long is replaced; PolyBolt without any for
            so long has RTDS opened beside it.
        keep_s: Observations are kept so long, for prices at a past moment.
        drain_ns_max: Longest wait after PolyBolt asks its clients to go elsewhere.
        ping_ns: From one ping to the next.
        pong_ns_max: A PolyBolt link without a byte for so long after a ping is dead.
        check_ns: How often all this is looked at.
        backoff_base_ns: Bound of the first wait before a socket is opened again.
        backoff_ns_max: Bound of all later ones.
    """

    window_s: float = 60
    age_ns_max: int = 5_000_000_000
    stale_ns_max: int = 5_000_000_000
    keep_s: int = 900
    drain_ns_max: int = 10_000_000_000
    ping_ns: int = wire.RTDS_PING_S * 1_000_000_000
    pong_ns_max: int = 5_000_000_000
    check_ns: int = 100_000_000
    backoff_base_ns: int = 1_000_000_000
    backoff_ns_max: int = 30_000_000_000


class _Source:
    """One of the two sockets.

    Attributes:
        data_ns: When the last price came; at first when it was begun.
        is_wanted: Set while it should be open.
    """

    def __init__(self, name: str, dialling: Dialling, backoff: Backoff) -> None:
        self.name = name
        self.dialling = dialling
        self.backoff = backoff
        self.link: Link | None = None
        self.data_ns = 0
        self.has_told = False
        self.is_wanted = asyncio.Event()


class ReferenceFeed:
    """Knows spot and averaged prices of several coins.

    Args:
        prices_url: Of PolyBolt; it asks for credentials.
        rtds_url: Of the legacy socket; it asks for none.
        credentials: None uses the legacy socket only.
        coins: As in slugs.
        on_price: Called once a chunk and price with the newest observation.
        rng: Jitter of waits.
        clock_ns: Stamps what is received; never falls.
        taps: Hear all frames of a source first, by its name, `POLYBOLT` or `RTDS`.

    Attributes:
        board: All that is known.
        counts: What happened, by name.
    """

    def __init__(
        self,
        prices_url: str,
        rtds_url: str,
        credentials: ApiCredentials | None,
        coins: Sequence[str],
        *,
        rng: random.Random,
        on_price: OnPrice | None = None,
        settings: ReferenceSettings | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        tls: ssl.SSLContext | None = None,
        engine: str = ENGINES[0],
        taps: Mapping[str, SocketTap] = MappingProxyType({}),
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.settings = ReferenceSettings() if settings is None else settings
        self.board = PriceBoard(
            coins,
            window_s=self.settings.window_s,
            age_ns_max=self.settings.age_ns_max,
            keep_s=self.settings.keep_s,
        )
        self._coins = tuple(coins)
        self._credentials = credentials
        self._rng = rng
        self._on_price = on_price
        self._clock_ns = clock_ns
        self._moved: set[tuple[str, PriceKind]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None

        def source(name: str, url: str, ping: bytes, answer_ns_max: int | None) -> _Source:
            dialling = Dialling(
                url=url,
                clock_ns=clock_ns,
                ping=ping,
                ping_ns=self.settings.ping_ns,
                answer_ns_max=answer_ns_max,
                tls=tls,
                engine=engine,
                tap=taps.get(name),
            )
            base_ns, cap_ns = self.settings.backoff_base_ns, self.settings.backoff_ns_max
            return _Source(name, dialling, Backoff(rng, base_ns=base_ns, cap_ns=cap_ns))

        ping = _text(op="ping")
        self._polybolt = source(POLYBOLT, prices_url, ping, self.settings.pong_ns_max)
        self._rtds = source(RTDS, rtds_url, wire.PING, None)

    # What is known

    def price(self, coin: str, kind: PriceKind) -> Price | None:
        """Give the newest observation, None before the first."""
        return self.board.price(coin, kind)

    def is_fresh(self, coin: str, kind: PriceKind, now_ns: int) -> bool:
        """Whether a newer observation than all before came recently enough."""
        return self.board.is_fresh(coin, kind, now_ns)

    def price_at(self, coin: str, kind: PriceKind, when_ms: int) -> Price | None:
        """Give the observation that held at a past moment; see `PriceBoard.price_at`.

        The price to beat is the average at the window's start; a socket opened later knows it by
        its back-fill of two minutes.
        """
        return self.board.price_at(coin, kind, when_ms)

    # Its life

    async def open(self) -> None:
        """Begin to keep the sockets; answers at once."""
        assert not self._tasks, "a feed is opened once"
        now_ns = self._clock_ns()
        for source in (self._polybolt, self._rtds):
            source.data_ns = now_ns
            task = asyncio.create_task(self._keep(source), name=f"prices of {source.name}")
            self._tasks.append(minded(task))
        if self._credentials is not None:
            self._polybolt.is_wanted.set()
        self._tick()

    async def close(self) -> None:
        """End everything; no callback comes afterwards."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        links = [source.link for source in (self._polybolt, self._rtds) if source.link is not None]
        for link in links:
            link.end("closed")
        await asyncio.gather(*(link.wait_closed() for link in links))

    async def _keep(self, source: _Source) -> None:
        while True:
            await source.is_wanted.wait()
            is_main = source is self._polybolt
            source.has_told = False
            link = Link(
                source.dialling,
                self._on_polybolt if is_main else self._on_rtds,
                self._authenticate if is_main else self._subscribe_rtds,
                on_chunk_end=self._on_chunk_end,
            )
            wait_ns = 0
            try:
                await link.open()
            except DialError as error:
                self.counts[f"{source.name}_dial_{error.kind}"] += 1
            else:
                source.link = link
                self.counts[f"{source.name}_opened"] += 1
                reason = await link.wait_end()
                self.counts[f"{source.name}_{reason}"] += 1
                if source.has_told:
                    source.backoff.succeed()
                if reason == _DRAINED:
                    wait_ns = int(self._rng.random() * self.settings.drain_ns_max)
            await asyncio.sleep((wait_ns or source.backoff.next_ns()) / 1e9)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.settings.check_ns / 1e9, self._tick)
        self.check(self._clock_ns())

    def check(self, now_ns: int) -> None:
        """Replace silent sockets, and open or close the legacy one."""
        stale_ns = self.settings.stale_ns_max
        for source in (self._polybolt, self._rtds):
            link = source.link
            if link is None or not link.is_open:
                continue
            link.tick(now_ns, source.data_ns)
            if now_ns - max(source.data_ns, link.opened_ns) > stale_ns:
                link.end("silent")
        is_needed = self._credentials is None or now_ns - self._polybolt.data_ns > stale_ns
        rtds = self._rtds
        if is_needed and not rtds.is_wanted.is_set():
            self.counts["fallbacks"] += 1
            rtds.is_wanted.set()
        elif not is_needed and rtds.is_wanted.is_set():
            rtds.is_wanted.clear()
            if rtds.link is not None:
                rtds.link.end("not_needed")

    # PolyBolt

    def _authenticate(self) -> list[bytes]:
        assert self._credentials is not None, "without credentials it is not wanted"
        return [_text(op="auth", rid="auth", auth=socket_auth(self._credentials))]

    def _subscribe_polybolt(self) -> bytes:
        window_s = self.settings.window_s
        seconds = int(window_s) if window_s == int(window_s) else window_s
        wanted = []
        for coin in self._coins:
            named = {"symbol": wire.PRICE_SYMBOL.format(coin=coin)}
            averaged = named | {"window_seconds": seconds}
            wanted.append({"channel": wire.PRICE_CHANNEL_SPOT, "filter": named})
            wanted.append({"channel": wire.PRICE_CHANNEL_TWAP, "filter": averaged})
        return _text(op="subscribe", rid="prices", subscriptions=wanted)

    def _on_polybolt(self, frame: bytes, recv_ns: int) -> None:
        source = self._polybolt
        told = self._read(source, lambda: read_polybolt(frame))
        link = source.link
        if told.answer and link is not None:
            self._on_answer(link, told, recv_ns)
        if told.dropped:
            self.counts["polybolt_dropped"] += told.dropped
        self._take(source, told, recv_ns)

    def _on_answer(self, link: Link, told: PriceFrame, recv_ns: int) -> None:
        if told.answer == "pong":
            link.answered(recv_ns)
        elif told.answer == "authed":
            link.send(self._subscribe_polybolt())
        elif told.error:
            self.counts[f"polybolt_error_{told.error}"] += 1
            if told.error.startswith("auth_"):
                # Nothing comes on this socket any more; another is tried after the back-off.
                link.end("refused")

    # RTDS

    def _subscribe_rtds(self) -> list[bytes]:
        topics = [wire.RTDS_TOPIC_SPOT]
        averaged = wire.RTDS_TOPICS_TWAP.get(int(self.settings.window_s))
        if averaged is not None and self.settings.window_s == int(self.settings.window_s):
            topics.append(averaged)
        wanted = [
            {
                "topic": topic,
                "type": "*",
                "filters": _text(symbol=wire.RTDS_SYMBOL.format(coin=coin)).decode(),
            }
            for coin in self._coins
            for topic in topics
        ]
        return [_text(action="subscribe", subscriptions=wanted)]

    def _on_rtds(self, frame: bytes, recv_ns: int) -> None:
        told = self._read(self._rtds, lambda: read_rtds(frame, self._coins))
        if told.error:
            self.counts[f"rtds_error_{told.error}"] += 1
        self._take(self._rtds, told, recv_ns)

    # Both

    def _read(self, source: _Source, read: Callable[[], PriceFrame]) -> PriceFrame:
        try:
            return read()
        except DecodeError:
            self.counts[f"{source.name}_malformed"] += 1
            return PriceFrame()

    def _take(self, source: _Source, told: PriceFrame, recv_ns: int) -> None:
        if not told.observations:
            return
        if not told.is_snapshot:
            source.data_ns = recv_ns
            source.has_told = True
        self._moved |= self.board.take(told, source.name, recv_ns)

    def _on_chunk_end(self) -> None:
        """Tell the newest of what came at once: a burst after a gap is one price."""
        moved, self._moved = self._moved, set()
        if self._on_price is not None:
            for price in _newest(self.board, moved):
                self._on_price(price)


def _newest(board: PriceBoard, keys: Iterable[tuple[str, PriceKind]]) -> list[Price]:
    found = [board.price(coin, kind) for coin, kind in sorted(keys)]
    return [price for price in found if price is not None]


def _text(**message: Any) -> bytes:
    return orjson.dumps(message)
