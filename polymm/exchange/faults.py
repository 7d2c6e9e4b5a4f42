"""Everything that was seen to go wrong at the venue, as named switches (simulator notes section 6).

A switch has a rate: the share of chances at which it strikes, 0 for off. Rates may be changed
while the exchange runs. Every switch draws from a stream of its own, so that turning one on leaves
what the others do as it was. This file only decides; carrying out is the task of the part named
by ``place``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from polymm.errors import InputError


class Place(StrEnum):
    """The part of the exchange that carries a fault out."""

    MARKET = "market socket"
    USER = "user socket"
    PRICES = "price sockets"
    REST = "rest"
    GAMMA = "gamma"
    RELAYER = "relayer"
    BOOK = "engine"


class Fault(StrEnum):
    """Names of the switches."""

    MARKET_SILENT = "market_silent"
    MARKET_BOOK_MISSING = "market_book_missing"
    MARKET_CLOSED = "market_closed"
    MARKET_CROSSED = "market_crossed"
    MARKET_HASH_WRONG = "market_hash_wrong"
    MARKET_TICK_CHANGED = "market_tick_changed"
    USER_CLOSED = "user_closed"
    USER_DUPLICATED = "user_duplicated"
    USER_REORDERED = "user_reordered"
    USER_MINED_FIRST = "user_mined_first"
    USER_STATUS_SKIPPED = "user_status_skipped"
    USER_FILL_LATE = "user_fill_late"
    USER_FILL_BEFORE_REPLY = "user_fill_before_reply"
    USER_POST_ONLY_EVENT = "user_post_only_event"
    TRADE_RETRIED = "trade_retried"
    TRADE_FAILED = "trade_failed"
    FILL_SHORT = "fill_short"
    FILL_EXCEEDED = "fill_exceeded"
    ORDER_CANCELED = "order_canceled"
    PRICES_SILENT = "prices_silent"
    PRICES_CLOSED = "prices_closed"
    PRICES_DRAINING = "prices_draining"
    POST_REPLY_LOST = "post_reply_lost"
    POST_TIMED_OUT = "post_timed_out"
    POST_LATE = "post_late"
    POST_UNKNOWN = "post_unknown"
    BATCH_LEG_UNNAMED = "batch_leg_unnamed"
    CANCEL_ALREADY_MATCHED = "cancel_already_matched"
    CANCEL_REPLY_LOST = "cancel_reply_lost"
    CANCEL_FAILED = "cancel_failed"
    CANCEL_UNKNOWN = "cancel_unknown"
    ORDERS_LATE = "orders_late"
    HEARTBEAT_REFUSED = "heartbeat_refused"
    UNAUTHORIZED = "unauthorized"
    ENGINE_RESTART = "engine_restart"
    THROTTLED = "throttled"
    EDGE_DELAY = "edge_delay"
    EDGE_HTML = "edge_html"
    EDGE_BLOCKED = "edge_blocked"
    EDGE_THROTTLED = "edge_throttled"
    BALANCE_ZERO = "balance_zero"
    MARKET_NOT_FOUND = "market_not_found"
    GAMMA_STALE = "gamma_stale"
    RELAYER_BUSY = "relayer_busy"
    RELAYER_NONCE = "relayer_nonce"
    RELAYER_FAILED = "relayer_failed"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a switch does.

    Args:
        place: Who carries it out.
        chance: At what it may strike.
        what: What then happens.
        lasts_ms: How long, where it lasts or delays, drawn between the two.
    """

    place: Place
    chance: str
    what: str
    lasts_ms: tuple[int, int] = (0, 0)


SCENES: Final[Mapping[Fault, Scene]] = {
    Fault.MARKET_SILENT: Scene(
        Place.MARKET, "message of one connection", "no more data, PONG goes on", (5_000, 30_000)
    ),
    Fault.MARKET_BOOK_MISSING: Scene(
        Place.MARKET, "token of a subscription", "its first book is not sent"
    ),
    Fault.MARKET_CLOSED: Scene(
        Place.MARKET, "message of one connection", "torn down, close code 1006"
    ),
    Fault.MARKET_CROSSED: Scene(
        Place.BOOK, "change of a book", "a bid above the ask is told, then taken back", (50, 900)
    ),
    Fault.MARKET_HASH_WRONG: Scene(Place.BOOK, "change of a book", "told with a wrong hash"),
    Fault.MARKET_TICK_CHANGED: Scene(Place.BOOK, "change of a book", "the tick becomes fine"),
    Fault.USER_CLOSED: Scene(Place.USER, "event of one connection", "torn down, close code 1006"),
    Fault.USER_DUPLICATED: Scene(Place.USER, "event", "told twice", (0, 500)),
    Fault.USER_REORDERED: Scene(Place.USER, "event", "told after later ones", (100, 2_000)),
    Fault.USER_MINED_FIRST: Scene(Place.USER, "trade", "MATCHED is told after MINED"),
    Fault.USER_STATUS_SKIPPED: Scene(
        Place.USER, "MATCHED or MINED of a trade", "this status is never told"
    ),
    Fault.USER_FILL_LATE: Scene(Place.USER, "trade", "told late", (1_000, 5_000)),
    Fault.USER_FILL_BEFORE_REPLY: Scene(
        Place.REST, "reply to a POST", "held until the events are out", (20, 300)
    ),
    Fault.USER_POST_ONLY_EVENT: Scene(
        Place.BOOK, "refused post-only order", "told as an UNMATCHED order event as well"
    ),
    Fault.TRADE_RETRIED: Scene(
        Place.BOOK, "trade", "RETRYING after MATCHED, then another transaction"
    ),
    Fault.TRADE_FAILED: Scene(Place.BOOK, "trade", "FAILED after MATCHED: undone"),
    Fault.FILL_SHORT: Scene(
        Place.BOOK, "maker filled whole", "filled and done one lot short of its size"
    ),
    Fault.FILL_EXCEEDED: Scene(
        Place.BOOK, "maker of an account filled whole", "filled one lot beyond its size"
    ),
    Fault.ORDER_CANCELED: Scene(
        Place.BOOK, "order that rests", "cancelled by the venue, status INVALID", (100, 5_000)
    ),
    Fault.PRICES_SILENT: Scene(
        Place.PRICES, "message of one connection", "no more data", (5_000, 30_000)
    ),
    Fault.PRICES_CLOSED: Scene(
        Place.PRICES, "message of one connection", "torn down, close code 1006"
    ),
    Fault.PRICES_DRAINING: Scene(Place.PRICES, "message of one connection", "close code 4003"),
    Fault.POST_REPLY_LOST: Scene(
        Place.REST, "accepted POST", "no reply, the connection hangs", (5_000, 30_000)
    ),
    Fault.POST_TIMED_OUT: Scene(Place.REST, "POST", "500 order timed out, nothing placed"),
    Fault.POST_LATE: Scene(
        Place.REST, "POST", "enters the book late, answered only then", (1_000, 8_000)
    ),
    Fault.POST_UNKNOWN: Scene(
        Place.REST, "accepted POST", "500 could not insert order, though it was placed"
    ),
    Fault.BATCH_LEG_UNNAMED: Scene(
        Place.REST, "accepted order of a batch", "answered without id and reason"
    ),
    Fault.CANCEL_ALREADY_MATCHED: Scene(
        Place.BOOK, "cancel of a resting order", "filled at that moment, told late", (500, 3_000)
    ),
    Fault.CANCEL_REPLY_LOST: Scene(
        Place.REST, "cancel", "carried out, no reply, the connection hangs", (5_000, 30_000)
    ),
    Fault.CANCEL_FAILED: Scene(Place.REST, "cancel", "500, nothing cancelled"),
    Fault.CANCEL_UNKNOWN: Scene(
        Place.REST, "cancel of an open order", "answered as not found, the order stays"
    ),
    Fault.ORDERS_LATE: Scene(
        Place.REST, "query of open orders", "orders younger than this are missing", (1_000, 8_000)
    ),
    Fault.HEARTBEAT_REFUSED: Scene(Place.REST, "heartbeat", "401, the deadline stays as it was"),
    Fault.UNAUTHORIZED: Scene(Place.REST, "private request", "401 Unauthorized/Invalid api key"),
    Fault.ENGINE_RESTART: Scene(
        Place.REST, "request", "425 for a while, then post-only mode", (2_000, 90_000)
    ),
    Fault.THROTTLED: Scene(Place.REST, "request", "429 with Retry-After", (1_000, 3_000)),
    Fault.EDGE_DELAY: Scene(Place.REST, "request", "answered late, no error", (200, 3_000)),
    Fault.EDGE_HTML: Scene(Place.REST, "request", "carried out, answered 502 with HTML"),
    Fault.EDGE_BLOCKED: Scene(Place.REST, "request", "403 error code: 1010, as plain text"),
    Fault.EDGE_THROTTLED: Scene(
        Place.REST, "request", "429 error code: 1015, as plain text", (1_000, 3_000)
    ),
    Fault.BALANCE_ZERO: Scene(
        Place.BOOK, "order", "refused for a balance of 0, whatever the balance"
    ),
    Fault.MARKET_NOT_FOUND: Scene(
        Place.REST, "query of a market", "404 though it is listed", (1_000, 60_000)
    ),
    Fault.GAMMA_STALE: Scene(Place.GAMMA, "query", "answered from the past", (1_000, 60_000)),
    Fault.RELAYER_BUSY: Scene(Place.RELAYER, "submit", "400 wallet busy ... active action"),
    Fault.RELAYER_NONCE: Scene(
        Place.RELAYER, "submit", "400 batch nonce does not match on-chain nonce"
    ),
    Fault.RELAYER_FAILED: Scene(Place.RELAYER, "accepted submit", "ends in STATE_FAILED"),
}


class Faults:
    """All switches, their rates and what they have done so far.

    Args:
        seed: Seeds every switch's own stream.

    Attributes:
        struck: How often each switch struck.
    """

    def __init__(self, seed: int = 0) -> None:
        self.struck: Counter[Fault] = Counter()
        self._seed = seed
        self._rates: dict[Fault, float] = {}
        self._lasts_ms: dict[Fault, tuple[int, int]] = {}
        self._limits: dict[Fault, int] = {}
        self._streams: dict[Fault, Random] = {}

    def set(
        self,
        fault: Fault | str,
        rate: float,
        *,
        lasts_ms: tuple[int, int] | None = None,
        limit: int | None = None,
        seed: int | None = None,
    ) -> None:
        """Turn a switch.

        Args:
            fault: Its name.
            rate: Share of chances at which it strikes, 0..1; 0 turns it off.
            lasts_ms: Shortest and longest duration, where the default does not fit.
            limit: Strike at most so often from now on.
            seed: Start its stream anew.

        Raises:
            InputError: Unknown name, or a number out of range; nothing changes.
        """
        try:
            fault = Fault(fault)
        except ValueError:
            raise InputError(f"fault must be one of {', '.join(Fault)}, was {fault!r}") from None
        if not 0.0 <= rate <= 1.0:
            raise InputError(f"rate of {fault} must be within 0..1, was {rate}")
        if lasts_ms is not None and not 0 <= lasts_ms[0] <= lasts_ms[1]:
            raise InputError(f"lasts_ms of {fault} must be two times, 0 <= first <= second")
        if limit is not None and limit < 1:
            raise InputError(f"limit of {fault} must be above 0, was {limit}")
        for settings in (self._lasts_ms, self._limits, self._rates):
            settings.pop(fault, None)
        if lasts_ms is not None:
            self._lasts_ms[fault] = lasts_ms
        if limit is not None:
            self._limits[fault] = limit
        if seed is not None:
            self._streams[fault] = Random(f"{seed} {fault}")
        if rate:
            self._rates[fault] = rate

    def clear(self) -> None:
        """Turn every switch off; the streams go on where they are."""
        self._rates.clear()
        self._lasts_ms.clear()
        self._limits.clear()

    @property
    def rates(self) -> dict[Fault, float]:
        """Switches that are on, with their rates."""
        return dict(self._rates)

    def strikes(self, fault: Fault) -> bool:
        """Decide at one chance; off switches draw nothing."""
        rate = self._rates.get(fault)
        if rate is None or self._stream(fault).random() >= rate:
            return False
        self.struck[fault] += 1
        limit = self._limits.get(fault)
        if limit is not None:
            self._limits[fault] = limit - 1
            if limit <= 1:
                del self._rates[fault], self._limits[fault]
        return True

    def duration_ns(self, fault: Fault) -> int:
        """Draw how long a fault that struck lasts."""
        low, high = self._lasts_ms.get(fault, SCENES[fault].lasts_ms)
        return self._stream(fault).randint(low, high) * 1_000_000

    def delay_ns(self, fault: Fault) -> int:
        """Decide and draw at once: 0 where it does not strike."""
        return self.duration_ns(fault) if self.strikes(fault) else 0

    def _stream(self, fault: Fault) -> Random:
        stream = self._streams.get(fault)
        if stream is None:
            stream = self._streams[fault] = Random(f"{self._seed} {fault}")
        return stream
