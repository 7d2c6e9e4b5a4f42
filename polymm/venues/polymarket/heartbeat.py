"""The chain of heartbeats: each carries the id that the answer to the last one named.

No clock, no socket and no timer: whoever sees that engine, feeds and cancels are well sends a beat
(FAILURES 33), and this says what to send and what the answer means. A beat that was lost may or may
not have moved the chain on; the venue's next refusal then names the id it expects.
"""

from typing import Final, NamedTuple

import orjson

from polymm.net.http_outcome import Outcome, Reply
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.replies import Refusal, parsed, refusal_of
from polymm.venues.polymarket.results import BeatResult, BeatState

_NS: Final = 1_000_000_000
# The first id of a chain is empty, the venue names the next; more copies would be an argument.
COPIES_MAX: Final = 3


class Resend(NamedTuple):
    """The venue expects another id: send `HeartbeatChain.body` again, at once."""


class HeartbeatChain:
    """One API key's chain.

    Attributes:
        heartbeat_id: What the next beat must carry, "" for the first.
        accepted_ns: When the last accepted beat had been written; -1 before the first.
        is_out: Whether a beat is on its way.
    """

    __slots__ = ("_copies", "accepted_ns", "heartbeat_id", "is_out")

    def __init__(self) -> None:
        self.heartbeat_id = ""
        self.accepted_ns = -1
        self.is_out = False
        self._copies = 0

    def left_ns(self, now_ns: int) -> int:
        """Time until the venue may cancel all orders of the key; 0 once it may have.

        A chain that was never begun is never enforced: then this is the venue's full limit.
        """
        if self.accepted_ns < 0:
            return wire.HEARTBEAT_LIMIT_S * _NS
        return max(0, self.accepted_ns + wire.HEARTBEAT_LIMIT_S * _NS - now_ns)

    def body(self) -> bytes:
        """The body of a beat that is about to be sent."""
        self.is_out = True
        self._copies += 1
        return orjson.dumps({"heartbeat_id": self.heartbeat_id})

    def answered(self, outcome: Outcome) -> BeatResult | Resend:
        """Take what became of the beat that was out."""
        self.is_out = False
        refusal = refusal_of(outcome)
        record = parsed(outcome.body) if isinstance(outcome, Reply) else None
        named = record.get("heartbeat_id") if isinstance(record, dict) else None
        if refusal is None:
            if isinstance(named, str) and named:
                assert isinstance(outcome, Reply)
                self.heartbeat_id = named
                self.accepted_ns = outcome.written_ns
                return self._ended(BeatState.ACCEPTED, Refusal("", "", True), outcome)
            return self._ended(BeatState.MISSED, Refusal("unreadable", "", False), outcome)
        # Any answer to the client's fault that names an id corrects ours, whatever its words.
        if refusal.status == 400 and isinstance(named, str) and named != self.heartbeat_id:
            self.heartbeat_id = named
            if self._copies < COPIES_MAX:
                return Resend()
            refusal = refusal._replace(reason="heartbeat_id")
        refused = refusal.was_sent and refusal.is_known
        return self._ended(BeatState.REFUSED if refused else BeatState.MISSED, refusal, outcome)

    def _ended(self, state: BeatState, refusal: Refusal, outcome: Outcome) -> BeatResult:
        copies, self._copies = self._copies, 0
        answered_ns = outcome.answered_ns if isinstance(outcome, Reply) else 0
        return BeatResult(
            state=state,
            reason=refusal.reason,
            text=refusal.text,
            retry_after_ns=refusal.retry_after_ns,
            written_ns=getattr(outcome, "written_ns", 0),
            answered_ns=answered_ns,
            copies=copies,
        )
