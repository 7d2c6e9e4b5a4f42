"""One relayer action from its signature to its end, and the limit on all of them.

No clock and no socket: times and replies come as arguments from whoever talks to the relayer.
"""

from collections import deque

from polymm.venues.polymarket import wire
from polymm.venues.polymarket.relayer import Submission
from polymm.venues.polymarket.relayer_replies import (
    Accepted,
    SubmitReply,
    TransactionReport,
    Unclear,
)
from polymm.venues.polymarket.relayer_states import NEXT_STATE, RelayerEvent, RelayerState

NS = 1_000_000_000
# How far the chain's clock may run behind ours before a passed deadline proves anything.
DEADLINE_MARGIN_S = 60


class RelayerAction:
    """One action's life. Its pairs stay reserved until ``state.is_final``.

    Attributes:
        state: Belief.
        copies: How often the same body was sent.
        transaction_id: The relayer's name for it; "" until it was accepted.
        transaction_hash: "" until the relayer broadcast it.
        error: Last reason given for what went wrong.
        polls: Questions asked since the last answer that moved it.
        strays: Events that had no meaning in the state they met.
    """

    __slots__ = (
        "_asked_ns",
        "copies",
        "error",
        "polls",
        "state",
        "strays",
        "submission",
        "transaction_hash",
        "transaction_id",
    )

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.state = RelayerState.SIGNED
        self.copies = 0
        self.transaction_id = ""
        self.transaction_hash = ""
        self.error = ""
        self.polls = 0
        self.strays = 0
        self._asked_ns = 0

    def sent(self, now_ns: int) -> None:
        """Bytes of the submission were handed to the transport."""
        self._asked_ns = now_ns
        self.copies += 1
        self._move(RelayerEvent.SENT)

    def answered(self, reply: SubmitReply) -> None:
        """Take the answer to POST /submit; a time-out is ``Unclear``."""
        if isinstance(reply, Accepted):
            self.transaction_id = self.transaction_id or reply.transaction_id
            self._move(RelayerEvent.ACCEPTED)
            return
        self.error = reply.reason
        lost = isinstance(reply, Unclear)
        self._move(RelayerEvent.LOST if lost else RelayerEvent.REFUSED)

    def poll_due_ns(self) -> int:
        """When to ask for its state next; -1 where there is nothing to ask."""
        if not self.transaction_id or self.state.is_final:
            return -1
        return self._asked_ns + wire.RELAYER_POLL_S * NS

    def polled(self, now_ns: int) -> None:
        """A question was sent. After RELAYER_POLLS_MAX without an end the action is UNKNOWN."""
        self._asked_ns = now_ns
        self.polls += 1
        if self.polls == wire.RELAYER_POLLS_MAX:
            self._move(RelayerEvent.LOST)

    def reported(self, report: TransactionReport) -> None:
        """Take what the relayer says of it."""
        self.transaction_hash = self.transaction_hash or report.transaction_hash
        self.error = report.error or self.error
        event = report.event
        if self.copies > 1 and event in (RelayerEvent.SEEN_FAILED, RelayerEvent.SEEN_INVALID):
            # Perhaps only this copy failed, because another one had used up the nonce.
            event = RelayerEvent.LOST
        before = self.state
        self._move(event)
        if self.state is not before:
            self.polls = 0

    def nonce_seen(self, nonce: int, now_s: int) -> None:
        """Take the wallet's next nonce, asked for after the reply was lost.

        Beyond ours, ours is used up. No document says whether the relayer counts an action before
        it is mined, so give balances some seconds to show it. Still ours after the deadline, the
        action never ran; without a deadline it proves nothing, and sending the same body again is
        the way on.
        """
        if nonce > self.submission.nonce:
            self._move(RelayerEvent.NONCE_SPENT)
        elif self.submission.deadline_s and now_s > self.submission.deadline_s + DEADLINE_MARGIN_S:
            self._move(RelayerEvent.LAPSED)

    def _move(self, event: RelayerEvent) -> None:
        state = NEXT_STATE.get((self.state, event))
        if state is None:
            self.strays += 1
        else:
            self.state = state


class SubmitQuota:
    """The relayer's limit on submissions: so many in any window of a minute.

    Args:
        limit: Submissions a window.
        window_ns: Length of the window.
    """

    __slots__ = ("_blocked_until_ns", "_taken_ns", "limit", "window_ns")

    def __init__(
        self,
        limit: int = wire.RELAYER_SUBMITS_MAX,
        window_ns: int = wire.RELAYER_SUBMITS_WINDOW_S * NS,
    ) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self._taken_ns: deque[int] = deque(maxlen=limit)
        self._blocked_until_ns = 0

    def due_ns(self, now_ns: int) -> int:
        """Earliest time of the next submission: ``now_ns`` where one may go at once."""
        due_ns = max(now_ns, self._blocked_until_ns)
        if len(self._taken_ns) == self.limit:
            due_ns = max(due_ns, self._taken_ns[0] + self.window_ns)
        return due_ns

    def take(self, now_ns: int) -> bool:
        """Count a submission about to go; False, with nothing counted, where it must wait."""
        if self.due_ns(now_ns) > now_ns:
            return False
        self._taken_ns.append(now_ns)
        return True

    def block(self, until_ns: int) -> None:
        """Keep still until then: the relayer answered 429."""
        self._blocked_until_ns = max(self._blocked_until_ns, until_ns)
