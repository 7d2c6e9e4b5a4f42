"""The user channel between exchange and engine: one socket, read as the real feed reads it."""

from collections.abc import Callable
from functools import partial
from random import Random

from polymm.engine import evidence as ev
from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Fault
from polymm.exchange.user_channel import UserMessage
from polymm.runtime.venue_words import fills_told, order_told
from polymm.venues.polymarket.user_events import OrderEvent
from polymm.venues.polymarket.user_reading import read_user_frame
from tests.simulation.faults import MS, WireFault, WireFaults
from tests.simulation.senses import Senses
from tests.simulation.wire import OWNER, At, Take

# The socket is pinged so often; without an answer it is given up after this.
PING_NS = 10_000 * MS
PONG_NS_MAX = 5_000 * MS


class Hearing:
    """One engine's user channel.

    Args:
        at, at_world: Let something happen later: to this engine only, or anyway.
        latency_ns: Draws the time of one way.
        is_down: Whether the network is.
        take: Gets what is heard.
    """

    def __init__(
        self,
        exchange: Exchange,
        faults: WireFaults,
        at: At,
        at_world: At,
        clock_ns: Callable[[], int],
        rng: Random,
        latency_ns: Callable[[], int],
        senses: Senses,
        is_down: Callable[[int], bool],
        take: Take,
    ) -> None:
        self._exchange = exchange
        self._faults = faults
        self._at = at
        self._at_world = at_world
        self._clock_ns = clock_ns
        self._rng = rng
        self._latency_ns = latency_ns
        self._senses = senses
        self._is_down = is_down
        self._take = take
        self._number = 0  # of the connection; 0 for none yet
        self._is_live = False
        self._silent_ns = 0
        self._due_ns = 0
        self._heard_ns = 0

    def start(self, now_ns: int) -> None:
        """Open the socket."""
        self._senses.user_lost_ns = self._senses.user_lost_ns or now_ns
        self._at(now_ns + self._latency_ns(), self._open)

    def end(self) -> None:
        """Go down with the process."""
        self._is_live = False

    def heal(self) -> None:
        """Be sound from now on; a connection that is lost without knowing is found to be so."""
        if self._is_live and self._silent_ns:
            self._close(self._clock_ns(), self._number)
            self._silent_ns = 0

    def _open(self, now_ns: int) -> None:
        if self._is_down(now_ns):
            self._at(now_ns + self._rng.randint(100, 2_000) * MS, self._open)
            return
        self._number += 1
        self._is_live = True
        self._silent_ns = 0
        self._due_ns = self._heard_ns = now_ns
        self._senses.user_lost_ns = 0
        self._senses.user_back_ns = now_ns
        self._take(ev.UserChannel(is_live=True, since_ns=now_ns))
        number = self._number
        self._at(now_ns + PING_NS, lambda ns: self._ping(ns, number))

    def _ping(self, now_ns: int, number: int) -> None:
        """Prove that the socket lives, or give it up a while later."""
        if number != self._number or not self._is_live:
            return
        if now_ns < self._silent_ns or self._is_down(now_ns):
            self._at(now_ns + PONG_NS_MAX, lambda ns: self._close(ns, number))
            return
        self._heard_ns = now_ns
        self._at(now_ns + PING_NS, lambda ns: self._ping(ns, number))

    def _close(self, now_ns: int, number: int) -> None:
        """Lose the socket; what was on its way is lost with it."""
        if number != self._number or not self._is_live:
            return
        self._is_live = False
        senses = self._senses
        senses.user_lost_ns = senses.user_lost_ns or now_ns
        senses.fault_ns = now_ns
        self._take(ev.UserChannel(is_live=False, since_ns=self._heard_ns))
        self._at(now_ns + self._rng.randint(20, 3_000) * MS, self._open)

    def publish(self, message: UserMessage) -> None:
        """Take an event from the exchange."""
        if not self._is_live:
            return
        now_ns = message.at_ns
        faults, senses, number = self._faults, self._senses, self._number
        lasts_ns = faults.delay_ns(WireFault.USER_SILENT)
        if lasts_ns:
            self._silent_ns = now_ns + lasts_ns
        if now_ns < self._silent_ns or self._is_down(now_ns):
            senses.user_lost_ns = senses.user_lost_ns or now_ns
            senses.fault_ns = now_ns
            if self._silent_ns <= now_ns:
                # The network is gone, and with it this connection, which learns of it by silence.
                self._silent_ns = 1 << 62
            return
        if self._exchange.faults.strikes(Fault.USER_CLOSED):
            self._at(now_ns, lambda ns: self._close(ns, number))
            return
        if faults.strikes(WireFault.USER_FRAME_LOST):
            senses.fault_ns = now_ns
            return
        late_ns = faults.delay_ns(WireFault.USER_LAGS)
        if late_ns:
            senses.fault_ns = now_ns
        self._due_ns = max(now_ns + self._latency_ns() + late_ns, self._due_ns)
        self._at_world(self._due_ns, partial(self._arrive, number, message))

    def _arrive(self, number: int, message: UserMessage, now_ns: int) -> None:
        """Reach the process, which takes it when its loop turns."""
        if number != self._number or not self._is_live:
            return
        self._senses.user_sent += 1
        self._at(now_ns, partial(self._receive, message))

    def _receive(self, message: UserMessage, now_ns: int) -> None:
        self._heard_ns = now_ns
        self._senses.user_taken += 1
        frame = read_user_frame(message.payload)
        assert not frame.faults, "the exchange writes what can be read"
        for event in frame.events:
            if isinstance(event, OrderEvent):
                self._take(order_told(event, now_ns))
                continue
            listing = self._exchange.listings.get(event.condition_id)
            if listing is not None:
                for fill in fills_told(event, listing.market, OWNER, (), now_ns):
                    self._take(fill)
