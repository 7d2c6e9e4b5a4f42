"""Warm connections to one endpoint, kept open ahead of need.

A pool serves one purpose: cancels have a pool of their own, so that nothing they need is ever held
by a placement. Each connection is kept by a task that dials, waits for its loss or its idle limit,
and dials again with back-off; sending passes none of that.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from polymm.errors import DialError
from polymm.net.dialling import Endpoint
from polymm.net.http import DEFAULT_LIMITS, HttpConnection, HttpLimits, connect_http
from polymm.net.http_outcome import NotSent, OnOutcome, Outcome, settle
from polymm.net.pacing import Backoff
from polymm.net.tasks import minded


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How a pool keeps its connections.

    Args:
        size: Connections, and so requests that may be in flight.
        waiting_max: Requests that may wait for one of them; 0 for none.
        waiting_ns_max: How long one may wait, within its own deadline.
        idle_ns_max: A connection unused for so long is replaced; below the peer's own limit. Where
            the peer states one (header ``Keep-Alive``), three quarters of it count if that is less.
        backoff_base_ns: Bound of the first wait after a failed dial.
        backoff_ns_max: Bound of all later ones.
    """

    size: int = 2
    waiting_max: int = 16
    waiting_ns_max: int = 60_000_000_000
    idle_ns_max: int = 45_000_000_000
    backoff_base_ns: int = 250_000_000
    backoff_ns_max: int = 30_000_000_000


DEFAULT_SETTINGS: Final = PoolSettings()
# A peer that states a shorter patience than this is taken at its word only when it hangs up.
_IDLE_NS_MIN: Final = 1_000_000_000
# A connection that lasted so long without a request was a good one: its peer is impatient, no more.
_GOOD_NS: Final = 2_000_000_000


@dataclass(slots=True, eq=False, repr=False)  # a request holds secrets
class _Waiting:
    request: bytes
    deadline_ns: int
    until_ns: int
    on_outcome: OnOutcome
    timer: asyncio.TimerHandle


class HttpPool:
    """Connections for one purpose.

    Args:
        endpoint: Where all of them go.
        rng: Jitter of the back-off.
        settings: How they are kept.
        limits: What a reply may be.
        clock_ns: Clock of deadlines and stamps.

    Attributes:
        counts: ``dialled``, ``dial_<kind>``, ``lost``, ``renewed``, ``queued``, ``expired``.
        fault: The last dial's failure while no connection is open, else None.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        rng: random.Random,
        *,
        settings: PoolSettings = DEFAULT_SETTINGS,
        limits: HttpLimits = DEFAULT_LIMITS,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.endpoint = endpoint
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.fault: DialError | None = None
        self._rng = rng
        self._limits = limits
        self._clock_ns = clock_ns
        self._free: list[HttpConnection] = []
        self._open: set[HttpConnection] = set()
        self._retired: set[HttpConnection] = set()
        self._waiting: deque[_Waiting] = deque()
        self._keepers: list[asyncio.Task[None]] = []
        self._dialled = asyncio.Event()

    @property
    def ready(self) -> int:
        """Connections that could send now."""
        return sum(connection.is_ready for connection in self._free)

    @property
    def connected(self) -> int:
        """Connections that are open, in use or not."""
        return sum(not connection.is_lost for connection in self._open)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    async def open(self) -> None:
        """Begin to keep connections; answer when the first dial has ended, either way.

        A pool that could not dial goes on trying; `fault` says why it is not ready.
        """
        assert not self._keepers, "a pool is opened once"
        self._keepers = [
            minded(asyncio.create_task(self._keep(), name=f"http pool {self.endpoint.host} {i}"))
            for i in range(self.settings.size)
        ]
        await self._dialled.wait()

    async def close(self) -> None:
        """End all connections; requests in flight become `Unknown`, waiting ones `NotSent`."""
        keepers, self._keepers = self._keepers, []
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        self.withdraw()
        for connection in [*self._open, *self._retired]:
            connection.close("the pool was closed")
        self._open.clear()
        self._retired.clear()
        self._free.clear()

    def send(self, request: bytes, *, deadline_ns: int, on_outcome: OnOutcome) -> NotSent | None:
        """Write a request, or let it wait for a connection.

        Args:
            request: Head and body.
            deadline_ns: By the pool's clock; ends the waiting in the queue as well.
            on_outcome: Called once, later.

        Returns:
            None when the request was written or waits, else why not; then nothing is called.
        """
        while self._free:
            # The one used last is the warmest. One that was lost since is passed over.
            connection = self._free.pop()
            refused = connection.send(request, deadline_ns=deadline_ns, on_outcome=on_outcome)
            if refused is None:
                return None
            if connection.is_ready:
                self._free.append(connection)
                return refused
        return self._queue(request, deadline_ns, on_outcome)

    async def request(self, request: bytes, *, deadline_ns: int) -> Outcome:
        """Send a request and wait for its outcome; for callers off the path."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        refused = self.send(request, deadline_ns=deadline_ns, on_outcome=settle(waiter))
        return refused if refused is not None else await waiter

    def withdraw(self, reason: str = "withdrawn", detail: str = "") -> int:
        """Take back all waiting requests: each is told `NotSent`; how many there were."""
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            one.timer.cancel()
            # Not from here: a caller that sends again must find the queue as it will be.
            asyncio.get_running_loop().call_soon(one.on_outcome, NotSent(reason, detail))
        return len(waiting)

    def _queue(self, request: bytes, deadline_ns: int, on_outcome: OnOutcome) -> NotSent | None:
        if not self._keepers:
            return NotSent("closed", "the pool is not open")
        if self.fault is not None:
            return NotSent(self.fault.kind, str(self.fault))
        if len(self._waiting) >= self.settings.waiting_max:
            return NotSent("busy", f"{self.connected} connections in use, queue full")
        now_ns = self._clock_ns()
        if deadline_ns <= now_ns:
            return NotSent("deadline", f"passed {now_ns - deadline_ns} ns ago")
        until_ns = min(deadline_ns, now_ns + self.settings.waiting_ns_max)
        timer = asyncio.get_running_loop().call_later((until_ns - now_ns) / 1e9, self._expire)
        self._waiting.append(_Waiting(request, deadline_ns, until_ns, on_outcome, timer))
        self.counts["queued"] += 1
        return None

    def _expire(self) -> None:
        now_ns = self._clock_ns() + 1_000_000  # uvloop's timers may be a millisecond early.
        for one in [one for one in self._waiting if one.until_ns <= now_ns]:
            self._waiting.remove(one)
            one.timer.cancel()
            self.counts["expired"] += 1
            one.on_outcome(NotSent("deadline", "no connection became free in time"))

    def _on_free(self, connection: HttpConnection) -> None:
        """Give a ready connection the request that waits longest, or put it aside."""
        if connection in self._retired:
            self._retired.discard(connection)
            connection.close("idle for too long")
            return
        while self._waiting and connection.is_ready:
            one = self._waiting.popleft()
            one.timer.cancel()
            refused = connection.send(
                one.request, deadline_ns=one.deadline_ns, on_outcome=one.on_outcome
            )
            if refused is None:
                return
            asyncio.get_running_loop().call_soon(one.on_outcome, refused)
        self._free.append(connection)

    # One keeper a connection.

    async def _keep(self) -> None:
        backoff = Backoff(
            self._rng,
            base_ns=self.settings.backoff_base_ns,
            cap_ns=self.settings.backoff_ns_max,
        )
        old: HttpConnection | None = None
        while True:
            connection = await self._dial(backoff)
            opened_ns = connection.used_ns
            if old is not None:
                self._retire(old)
            self._open.add(connection)
            self._on_free(connection)
            await self._used_up(connection)
            is_good = connection.replies > 0 or self._clock_ns() - opened_ns >= _GOOD_NS
            if is_good:
                backoff.succeed()
            old = None
            if connection.lost.done():
                self.counts["lost"] += 1
                self._forget(connection)
                if not is_good:
                    # A peer that accepts and hangs up would otherwise be dialled without a pause.
                    await asyncio.sleep(backoff.next_ns() / 1e9)
            else:
                self.counts["renewed"] += 1
                old = connection

    async def _dial(self, backoff: Backoff) -> HttpConnection:
        while True:
            try:
                connection = await connect_http(
                    self.endpoint,
                    limits=self._limits,
                    clock_ns=self._clock_ns,
                    on_free=self._on_free,
                )
            except DialError as error:
                self.counts[f"dial_{error.kind}"] += 1
                if not self.connected:
                    self.fault = error
                    self.withdraw(error.kind, str(error))
                self._dialled.set()
                await asyncio.sleep(backoff.next_ns() / 1e9)
            else:
                self.counts["dialled"] += 1
                self.fault = None
                self._dialled.set()
                return connection

    async def _used_up(self, connection: HttpConnection) -> None:
        """Wait until the connection is lost or idle for too long."""
        while not connection.lost.done():
            limit_ns = self.settings.idle_ns_max
            keep_ns = connection.keep_ns
            if keep_ns is not None:
                limit_ns = min(limit_ns, max(keep_ns * 3 // 4, _IDLE_NS_MIN))
            left_ns = limit_ns
            if connection.is_ready:
                left_ns -= self._clock_ns() - connection.used_ns
            if left_ns <= 0:
                return
            await asyncio.wait({connection.lost}, timeout=left_ns / 1e9)

    def _retire(self, connection: HttpConnection) -> None:
        """Close a connection whose replacement is there, at once or after its reply."""
        self._forget(connection)
        if connection.is_ready:
            connection.close("idle for too long")
        elif not connection.is_lost:
            self._retired.add(connection)
            # Its reply may never come.
            connection.lost.add_done_callback(lambda _: self._retired.discard(connection))

    def _forget(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
