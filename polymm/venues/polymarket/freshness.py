"""When a book is to be believed, asked for again, or its socket replaced. Time is handed in.

A live socket is not a live feed (FAILURES 1 to 6): a token is proven by an event that names it or
by a REST book that equals ours, and what cannot be proven for too long is not quoted.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Final

from polymm._core.book import Book
from polymm._core.decode import Decoder
from polymm._core.layout import ASK, BID
from polymm.domain.order import Token
from polymm.errors import DecodeError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.feed_market import FeedMarket, View

# Two REST books of one token are asked for no sooner than this after one another.
WITNESS_PAUSE_NS: Final = 500_000_000
# A view that needed nothing for so long has its redrives forgiven.
GOOD_NS: Final = 10_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFeedSettings:
    """When a feed asks, doubts and replaces; see FAILURES 1 to 6 and 11.

    Args:
        lines: Sockets with the same markets.
        ping_ns: From one PING to the next.
        pong_ns_max: A link without any bytes for so long after a PING is dead.
        quiet_ns: A token not heard of for so long is compared with a REST book.
        proof_ns_max: A token not proven for so long is stale: not quotable, sockets are replaced.
        doubt_ns_max: A REST book that contradicts ours for so long is believed.
        dump_ns_max: A market without a first book for so long is asked for again.
        redrives_max: So often; then the socket is replaced.
        crossed_ns_max: A book crossed for so long is asked for again.
        mismatch_ns_max: A book whose best prices contradict those of the messages, likewise.
        audit_ns: How often a hash is compared, which is advisory.
        rest_audit_ns: How often a book is held against REST, however busy it is; 0 for never.
        lag_ns_max: A message that is later, by its stamp, has its market wait for a better one.
        time_ns: How often the venue's time is asked for; 0 for never: then stamps are not believed.
        check_ns: How often all this is looked at.
        tokens_max: Most tokens of one socket.
        backoff_base_ns: Bound of the first wait before a socket is opened again.
        backoff_ns_max: Bound of all later ones.
    """

    lines: int = 2
    ping_ns: int = 10_000_000_000
    pong_ns_max: int = 5_000_000_000
    quiet_ns: int = 2_000_000_000
    proof_ns_max: int = 3_000_000_000
    doubt_ns_max: int = 1_000_000_000
    dump_ns_max: int = 2_000_000_000
    redrives_max: int = 3
    crossed_ns_max: int = 500_000_000
    mismatch_ns_max: int = 250_000_000
    audit_ns: int = 1_000_000_000
    rest_audit_ns: int = 30_000_000_000
    lag_ns_max: int = 250_000_000
    time_ns: int = 30_000_000_000
    check_ns: int = 50_000_000
    tokens_max: int = wire.SOCKET_TOKENS_MAX
    backoff_base_ns: int = 250_000_000
    backoff_ns_max: int = 30_000_000_000


class Cure(Enum):
    """What a view needs."""

    NOTHING = 0
    REDRIVE = 1
    REPLACE = 2  # its whole socket


def judge(
    view: View, line_recv_ns: int, now_ns: int, settings: MarketFeedSettings
) -> tuple[Cure, str]:
    """Say what a view needs now, and why.

    Args:
        line_recv_ns: When its socket last brought any event.
    """
    reason = _ailment(view, now_ns, settings)
    if not reason:
        if view.redrives and now_ns - view.redriven_ns > GOOD_NS:
            view.redrives = 0
        return Cure.NOTHING, ""
    is_mute = now_ns - max(line_recv_ns, view.awaited_ns) > settings.quiet_ns
    if reason in ("behind", "unproven", "contradicted") and is_mute:
        return Cure.REPLACE, "silent"
    if reason == "late" or view.redrives >= settings.redrives_max:
        return Cure.REPLACE, reason
    return Cure.REDRIVE, reason


def _ailment(view: View, now_ns: int, settings: MarketFeedSettings) -> str:
    book, market = view.book, view.market
    leader = market.leader
    view.crossed_ns = (view.crossed_ns or now_ns) if book.is_crossed else 0
    is_behind = leader is not None and leader is not view and leader.is_ahead_of(view)
    view.behind_ns = (view.behind_ns or now_ns) if is_behind and book.has_epoch else 0
    if market.winner is not None:
        return ""
    if not book.has_epoch:
        return "no_book" if now_ns - view.awaited_ns > settings.dump_ns_max else ""
    if view.is_tick_refused:
        return "off_tick"
    if view.crossed_ns and now_ns - view.crossed_ns > settings.crossed_ns_max:
        return "crossed"
    if view.mismatch_ns and now_ns - view.mismatch_ns > settings.mismatch_ns_max:
        return "mismatch"
    if view.behind_ns and now_ns - view.behind_ns > settings.quiet_ns:
        return "behind"
    if view.late_ns and now_ns - view.late_ns > settings.proof_ns_max:
        return "late"
    if leader is view and now_ns - view.awaited_ns > settings.proof_ns_max:
        return "unproven" if market.stale_tokens(now_ns) else ""
    return ""


@dataclass(slots=True)
class _Doubt:
    """A REST book that contradicts ours: its venue time, and since when we know."""

    stamp_ms: int
    since_ns: int


class Witness:
    """Judges REST books of one market against the leader's.

    A REST book is a witness, not the truth: it counts for nothing when it is older than our last
    event, and when our socket catches up with it in time (FAILURES 8).

    Args:
        counts: Verdicts, by name.
        decoder: Reads REST books of all witnesses: one of its own would hold a megabyte each.

    Attributes:
        is_asked: By token, whether an answer is awaited.
        is_unknown: Whether the venue says that it does not know the market.
    """

    def __init__(self, market: FeedMarket, counts: Counter[str], decoder: Decoder) -> None:
        facts = market.market
        self.market = market
        self.is_asked = [False, False]
        self.is_unknown = False
        self._counts = counts
        self._asked_ns = [0, 0]
        self._doubt: _Doubt | None = None
        self._decoder = decoder
        self._slot = self._decoder.add_market(
            facts.up_token, facts.down_token, tick_e4=market.settled_tick_e4
        )

    def end(self) -> None:
        """Free its place in the decoder; it may be asked nothing more."""
        self._decoder.remove_market(self._slot)

    def due(self, now_ns: int, settings: MarketFeedSettings) -> list[Token]:
        """List the tokens to ask for now, and note that they are asked for."""
        market = self.market
        market.look()
        if market.winner is not None or not market.has_epoch:
            return []
        tokens = [
            token
            for token in Token
            if market.token_bytes[token]
            and not self.is_asked[token]
            and now_ns - market.proven_ns[token] > settings.quiet_ns
            and now_ns - self._asked_ns[token] > WITNESS_PAUSE_NS
        ]
        for token in tokens:
            self.is_asked[token] = True
            self._asked_ns[token] = now_ns
        return tokens

    def take(self, token: Token, status: int, body: bytes, asked_ns: int, now_ns: int) -> str:
        """Judge an answer; its name, which is counted.

        ``unanswered``, ``unknown``, ``unreadable``, ``older``, ``same`` or ``differs``.
        """
        self.is_asked[token] = False
        verdict = self._judge(status, body)
        self.is_unknown = verdict == "unknown"
        if verdict == "same":
            self._doubt = None
            proven_ns = self.market.proven_ns
            proven_ns[token] = max(proven_ns[token], asked_ns)
        elif verdict == "differs" and self._doubt is None:
            self._doubt = _Doubt(self._decoder.book(self._slot).timestamp_ms, now_ns)
        self._counts[f"witness_{verdict}"] += 1
        return verdict

    def is_contradicted(self, now_ns: int, settings: MarketFeedSettings) -> bool:
        """Whether a REST book has contradicted ours for too long; told once."""
        doubt = self._doubt
        if doubt is None:
            return False
        if self.market.timestamp_ms > doubt.stamp_ms or not self.market.has_epoch:
            self._doubt = None
            return False
        if now_ns - doubt.since_ns <= settings.doubt_ns_max:
            return False
        self._doubt = None
        return True

    def read(self, status: int, body: bytes) -> Book | None:
        """Read a REST book of either token, Up terms; it is valid until the next is read."""
        told = self._decoder.book(self._slot)
        told.clear()
        if status != 200:
            return None
        try:
            self._decoder.feed(body)
        except DecodeError:
            return None
        return told if told.has_epoch else None

    def _judge(self, status: int, body: bytes) -> str:
        if status == 404:
            return "unknown"
        if status != 200:
            return "unanswered"
        told = self.read(status, body)
        if told is None:
            return "unreadable"
        ours = self.market.book
        if told.timestamp_ms < ours.timestamp_ms:
            return "older"
        equal = all(told.levels(side) == ours.levels(side) for side in (BID, ASK))
        return "same" if equal else "differs"
