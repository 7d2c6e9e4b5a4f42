"""The user channel: our orders and trades as told, and when something was missed.

The venue neither acknowledges a subscription nor replays what was missed. So a socket counts as
heard once a PING sent after the credentials is answered, and every such moment is told as a gap.
The channel is silent where nothing happens: only answered PINGs tell a quiet socket from one whose
peer is gone, so they are sent more often than the venue wants them.
"""

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from polymm.errors import DialError
from polymm.net.pacing import Backoff
from polymm.net.tasks import minded
from polymm.net.websocket import ENGINES
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.link import Dialling, Link, SocketTap, socket_auth
from polymm.venues.polymarket.user_events import UserEvent
from polymm.venues.polymarket.user_reading import read_user_frame

# Event, and when its bytes came, by the feed's clock.
OnEvent = Callable[[UserEvent, int], None]
# Since when events may have been missed, by the feed's clock.
OnGap = Callable[[int], None]

# The venue wants a PING every 10 s (user channel notes 1).
PING_NS_MAX: Final = 10_000_000_000
CHECK_NS_MAX: Final = 250_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFeedSettings:
    """How the socket is kept.

    Args:
        ping_ns: From one PING to the next.
        doubt_ns: A PING unanswered for so long makes the socket count as lost, until it is heard.
        pong_ns_max: A PING unanswered for so long ends the socket.
        backoff_base_ns: Bound of the first wait before the socket is opened again.
        backoff_ns_max: Bound of all later ones.
        check_ns: How often pings are looked at.
    """

    ping_ns: int = 1_000_000_000
    doubt_ns: int = 500_000_000
    pong_ns_max: int = 3_000_000_000
    backoff_base_ns: int = 250_000_000
    backoff_ns_max: int = 30_000_000_000
    check_ns: int = 250_000_000

    @classmethod
    def within(cls, age_ns_max: int) -> "UserFeedSettings":
        """Keep a socket of which silence is told before what was heard last is so old."""
        return cls(
            ping_ns=min(age_ns_max // 2, PING_NS_MAX),
            doubt_ns=age_ns_max // 4,
            check_ns=min(age_ns_max // 8, CHECK_NS_MAX),
        )


class UserFeed:
    """Hears of all orders and trades of one API key.

    Args:
        url: Of the user channel.
        on_event: Called in the turn that read the socket.
        on_gap: Called whenever a socket is proven to be heard by the venue, the first one too:
            what happened since the given time must be read by REST. Also called when a frame could
            not be read.
        on_lost: Called when a socket that was heard has ended or fallen silent, with when it was
            heard last.
        rng: Jitter of the back-off.
        clock_ns: Stamps what is received; never falls.
        tap: Hears all frames first.

    Attributes:
        counts: What happened, by name.
        refusals: Sockets in a row that the venue closed before it answered: wrong credentials.
        is_live: Whether the venue answers on the socket: nothing is missed while it does.
    """

    def __init__(
        self,
        url: str,
        credentials: ApiCredentials,
        on_event: OnEvent,
        on_gap: OnGap,
        *,
        on_lost: OnGap | None = None,
        rng: random.Random,
        settings: UserFeedSettings | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        tls: ssl.SSLContext | None = None,
        engine: str = ENGINES[0],
        tap: SocketTap | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.refusals = 0
        self.is_live = False
        self.settings = UserFeedSettings() if settings is None else settings
        self._dialling = Dialling(
            url=url,
            clock_ns=clock_ns,
            ping=wire.PING,
            ping_ns=self.settings.ping_ns,
            answer_ns_max=self.settings.pong_ns_max,
            tls=tls,
            engine=engine,
            tap=tap,
        )
        self._credentials = credentials
        self._on_event = on_event
        self._on_gap = on_gap
        self._on_lost = on_lost
        self._rng = rng
        self._clock_ns = clock_ns
        self._heard_ns = clock_ns()
        self._looked_ns = 0
        self._is_passed = False
        self._was_heard = False  # whether the venue ever answered on this socket
        self._link: Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Begin to keep the socket; answers at once."""
        assert self._keeper is None, "a feed is opened once"
        self._heard_ns = self._looked_ns = self._clock_ns()
        self._keeper = minded(asyncio.create_task(self._keep(), name="user feed"))
        self._tick()

    async def close(self) -> None:
        """End everything; no callback comes afterwards."""
        if self._timer is not None:
            self._timer.cancel()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self.is_live = False
        if self._link is not None:
            self._link.end("closed")
            await self._link.wait_closed()

    def renew(self, credentials: ApiCredentials) -> None:
        """Listen with another API key: the socket of the old one tells nothing of its orders."""
        self._credentials = credentials
        if self._link is not None:
            self._link.end("renewed")

    async def _keep(self) -> None:
        backoff = Backoff(
            self._rng,
            base_ns=self.settings.backoff_base_ns,
            cap_ns=self.settings.backoff_ns_max,
        )
        while True:
            link = Link(self._dialling, self._on_message, self._greet)
            try:
                await link.open()
            except DialError as error:
                self.counts[f"dial_{error.kind}"] += 1
            else:
                self._link = link
                self.counts["opened"] += 1
                link.ping(self._clock_ns())
                self.counts[f"ended_{await link.wait_end()}"] += 1
                if self._was_heard:
                    backoff.succeed()
                    self._was_heard = False
                    self._lose()
                elif link.end_reason not in ("mute", "renewed"):
                    self.refusals += 1
            await asyncio.sleep(backoff.next_ns() / 1e9)

    def _greet(self) -> list[bytes]:
        return [orjson.dumps({"type": "user", "auth": socket_auth(self._credentials)})]

    def _on_message(self, frame: bytes, recv_ns: int) -> None:
        since_ns, self._heard_ns = self._heard_ns, recv_ns
        if frame == wire.PONG:
            if self._link is not None:
                self._link.answered(recv_ns)
            self._live_since(since_ns)
            return
        told = read_user_frame(frame)
        self.counts["ignored"] += told.ignored
        if told.events:
            self._live_since(since_ns)
        for event in told.events:
            self.counts["events"] += 1
            self._on_event(event, recv_ns)
        if told.faults:
            self.counts["malformed"] += len(told.faults)
            if self.is_live:
                self._on_gap(since_ns)

    def _live_since(self, since_ns: int) -> None:
        """Know by an answer or an event, not by any words, that the venue took the credentials."""
        if not self.is_live:
            self.is_live = self._was_heard = True
            self.refusals = 0
            self.counts["gaps"] += 1
            self._on_gap(since_ns)

    def _lose(self) -> None:
        if self.is_live:
            self.is_live = False
            if self._on_lost is not None:
                self._on_lost(self._heard_ns)

    def _tick(self) -> None:
        settings, now_ns = self.settings, self._clock_ns()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(settings.check_ns / 1e9, self._tick)
        # After a stall of the loop one look is passed over: what came meanwhile is read first.
        is_late = now_ns - self._looked_ns > 2 * settings.check_ns
        self._looked_ns, self._is_passed = now_ns, is_late and not self._is_passed
        if self._link is None or self._is_passed:
            return
        if self._link.unanswered_ns(now_ns, self._heard_ns) > settings.doubt_ns:
            self._lose()
        self._link.tick(now_ns, self._heard_ns)
