"""``/ws/prices``: reference prices for holders of an API key ("PolyBolt", markets-5m notes 7)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson
from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange.faults import Fault
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.hub import PING_FRAME, Hub, Peer, Troubles, text_frame
from polymm.exchange.server.price_clock import PriceClock
from polymm.exchange.server.price_feeds import AVERAGE_S, Feed, read_feed

PATH: Final = "/ws/prices"

UNAUTHORIZED: Final = 4001
SLOW_CONSUMER: Final = 4002
DRAINING: Final = 4003
POLICY_BROKEN: Final = 4008

SUBSCRIPTIONS_MAX: Final = 64
FRAMES_A_SECOND_MAX: Final = 20
# Who sends so many is not told of each but shown the door.
FLOOD_A_SECOND: Final = 200
FRAME_BYTES_MAX: Final = 64 << 10
AUTH_TRIES_MAX: Final = 8
PING_S: Final = 25.0
PINGS_MISSED_MAX: Final = 2
# A peer with so much unsent gets no new prices; with the next it is told how many it missed.
BACKLOG_BYTES_MAX: Final = 256 << 10


def prices_socket_routes(hall: Hall) -> list[web.RouteDef]:
    """The socket for reference prices."""
    return [web.get(PATH, PricesChannel(hall).serve)]


class PricesChannel:
    """Everybody who listens to reference prices.

    Args:
        hall: The exchange.

    Attributes:
        hub: The open sockets.
        clock: When prices are published.
        coins: Those that have prices.
        windows: Seconds over which averages are published.
    """

    def __init__(self, hall: Hall) -> None:
        troubles = Troubles(
            Fault.PRICES_CLOSED, Fault.PRICES_SILENT, Fault.PRICES_DRAINING, DRAINING
        )
        self.hub = Hub(hall, troubles)
        self.clock = PriceClock(hall, self._publish)
        self.coins = frozenset(hall.markets.prices)
        own_s = hall.markets.windows.settings.rule.lookback_ns / NS
        self.windows = frozenset({AVERAGE_S, int(own_s) if own_s == int(own_s) else own_s})
        self._hall = hall
        self._sessions: set[_Session] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket to its end."""
        async with self.hub.accepted(request) as (peer, socket):
            session = _Session(self, peer)
            self._sessions.add(session)
            self.clock.start()
            try:
                async for text in peer.messages():
                    session.hear(text)
            finally:
                session.end()
                self._sessions.discard(session)
                if not self._sessions:
                    self.clock.stop()
        return socket

    def admits(self, auth: object) -> bool:
        """Whether these are credentials of an account."""
        if not isinstance(auth, dict):
            return False
        names = ("apiKey", "secret", "passphrase")
        return self._hall.accounts.match(*(auth.get(name) for name in names)) is not None

    def _publish(self, at_ms: int) -> None:
        payloads: dict[Feed, bytes] = {}
        for session in tuple(self._sessions):
            frames: list[bytes] = []
            for feed in session.feeds:
                if at_ms % feed.step_ms:
                    continue
                if feed not in payloads:
                    payloads[feed] = feed.update(self.clock, at_ms)
                frames += session.envelope(feed, payloads[feed])
            if frames:
                self.hub.deliver(session.peer, frames)


class _Session:
    """One peer: what it may do, has asked for and was sent.

    Attributes:
        feeds: What it is subscribed to, in the order of asking.
    """

    def __init__(self, channel: PricesChannel, peer: Peer) -> None:
        self.peer = peer
        self.feeds: dict[Feed, None] = {}
        self._channel = channel
        self._is_authorized = False
        self._auth_tries = 0
        self._second = 0
        self._frames = 0  # heard within that second
        self._sent: Counter[str] = Counter()  # last sequence number by channel
        self._missed: Counter[str] = Counter()
        self._pinger = self._ping_later()

    # What the peer says

    def hear(self, text: str | bytes) -> None:
        """Carry out one frame of the peer."""
        frames = self._count_frame()
        if len(text) > FRAME_BYTES_MAX or frames > FLOOD_A_SECOND:
            self.peer.close(POLICY_BROKEN, "policy")
            return
        try:
            asked = orjson.loads(text)
        except orjson.JSONDecodeError:
            asked = None
        if not isinstance(asked, dict):
            self._answer("error", None, code="bad_op")
            return
        rid, op = asked.get("rid"), asked.get("op")
        if frames > FRAMES_A_SECOND_MAX:
            self._answer("error", rid, code="rate_limited")
        elif op == "ping":
            self._answer("pong", rid)
        elif op == "auth":
            self._authorize(rid, asked.get("auth"))
        elif op in ("subscribe", "unsubscribe"):
            for entry in _entries(asked):
                self._change(op, rid, entry)
        else:
            self._answer("error", rid, code="bad_op")

    def _authorize(self, rid: object, auth: object) -> None:
        if self._channel.admits(auth):
            self._is_authorized = True
            self._answer("authed", rid)
            return
        self._auth_tries += 1
        if self._auth_tries < AUTH_TRIES_MAX:
            self._answer("error", rid, code="auth_invalid")
        else:
            self._answer("error", rid, code="auth_attempts")
            self.peer.close(UNAUTHORIZED, "auth")

    def _change(self, op: str, rid: object, entry: dict[str, Any]) -> None:
        """Carry out one entry of a subscription and answer it; answers keep the entries' order."""
        channel = entry.get("channel")
        if not self._is_authorized:
            self._answer("error", rid, channel, code="auth_required")
            return
        feed = read_feed(channel, entry.get("filter"), self._channel.coins, self._channel.windows)
        if isinstance(feed, str):
            self._answer("error", rid, channel, code=feed)
        elif op == "unsubscribe":
            self.feeds.pop(feed, None)
            self._answer("unsubscribed", rid, channel)
        elif feed not in self.feeds and len(self.feeds) >= SUBSCRIPTIONS_MAX:
            self._answer("error", rid, channel, code="sub_limit")
        else:
            self.feeds[feed] = None
            self._answer("subscribed", rid, channel)
            history = feed.history(self._channel.clock)
            frames = list(self.envelope(feed, history, extra=b'"snapshot":true,'))
            self._channel.hub.deliver(self.peer, frames)

    def _count_frame(self) -> int:
        second = int(asyncio.get_running_loop().time())
        self._frames = self._frames + 1 if second == self._second else 1
        self._second = second
        return self._frames

    # What it is told

    def _answer(self, op: str, rid: object, channel: object = None, *, code: str = "") -> None:
        answer = {"op": op, "code": code, "channel": channel, "rid": rid}
        said = {name: text for name, text in answer.items() if isinstance(text, str) and text}
        self.peer.send(orjson.dumps(said))

    def envelope(self, feed: Feed, payload: bytes, *, extra: bytes = b"") -> Iterator[bytes]:
        """Put a payload into its numbered frame; none where too much is unsent already."""
        channel = feed.channel
        if self.peer.unsent_bytes > BACKLOG_BYTES_MAX:
            self._missed[channel] += 1
            return
        self._sent[channel] += 1
        missed = self._missed.pop(channel, 0)
        yield text_frame(
            b'{"v":1,"channel":"%b","seq":%d,"ts":%d,%b%b"payload":%b}'
            % (
                channel.encode(),
                self._sent[channel],
                self._channel.clock.now_ms,
                extra,
                b'"dropped":%d,' % missed if missed else b"",
                payload,
            )
        )

    # Its life

    def end(self) -> None:
        """Leave no timer behind."""
        self._pinger.cancel()

    def _ping_later(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(PING_S, self._ping)

    def _ping(self) -> None:
        if self.peer.pings >= PINGS_MISSED_MAX:
            self.peer.close(SLOW_CONSUMER, "slow consumer")
            return
        self.peer.pings += 1
        self.peer.write(PING_FRAME)
        self._pinger = self._ping_later()


def _entries(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """List the subscriptions a frame names; one may stand at its top level."""
    entries = asked.get("subscriptions", [asked])
    if not isinstance(entries, list):
        entries = [entries]
    return [entry if isinstance(entry, dict) else {} for entry in entries]
