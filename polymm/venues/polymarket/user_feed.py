"""The user channel: our orders and trades as the venue tells them, and when something was missed."""

import random
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.user_events import UserEvent

# Event, and when its bytes came, by the feed's clock.
OnEvent = Callable[[UserEvent, int], None]
# Since when events may have been missed, by the feed's clock.
OnGap = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFeedSettings:
    """How the socket is kept.

    Args:
        ping_ns: From one PING to the next.
        pong_ns_max: A PING unanswered for so long ends the socket.
        backoff_base_ns: Bound of the first wait before the socket is opened again.
        backoff_ns_max: Bound of all later ones.
    """

    ping_ns: int = 10_000_000_000
    pong_ns_max: int = 5_000_000_000
    backoff_base_ns: int = 250_000_000
    backoff_ns_max: int = 30_000_000_000


class UserFeed:
    """Hears of all orders and trades of one API key.

    Args:
        url: Of the user channel.
        on_event: Called in the turn that read the socket.
        on_gap: Called whenever a socket is proven to be heard by the venue, the first one too:
            what happened since the given time must be read by REST. Also called when a frame could
            not be read.
        clock_ns: Stamps what is received.

    Attributes:
        counts: What happened, by name.
        refusals: Sockets in a row that the venue closed before it answered: wrong credentials.
    """

    def __init__(
        self,
        url: str,
        credentials: ApiCredentials,
        on_event: OnEvent,
        on_gap: OnGap,
        *,
        rng: random.Random,
        settings: UserFeedSettings | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        tls: ssl.SSLContext | None = None,
        engine: str | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.refusals = 0
        raise NotImplementedError

    @property
    def is_live(self) -> bool:
        """Whether the venue answers on the socket: nothing is missed while it does."""
        raise NotImplementedError

    async def open(self) -> None:
        """Begin to keep the socket; answers at once."""
        raise NotImplementedError

    async def close(self) -> None:
        """End everything; no callback comes afterwards."""
        raise NotImplementedError
