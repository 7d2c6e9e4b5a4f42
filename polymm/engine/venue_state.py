"""What the venue says of itself, answer by answer, and what follows from it for sending orders.

Most states pass: each lasts a while that grows with every answer that says so again, and is tried
anew after it (FAILURES 17, 18, 37). Some answers say that no order of ours will ever be taken: they
halt. Reasons are those of `polymm.venues.polymarket.reasons`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from polymm.engine.actions import Alarm
from polymm.engine.findings import Closing, Findings
from polymm.engine.limits import RiskLimits
from polymm.engine.proving import Backoff

# States in which no order is taken, with what is meant.
SPELLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "restarting": "the venue's engine restarts: only cancels are sent, everything is read anew",
        "disabled": "the venue takes nothing, not even cancels: all orders count as live",
        "cancel_only": "the venue takes cancels only: all orders are pulled",
        "blocked": "the venue refuses us at the edge",
        "unauthorized": "the venue refuses our keys; they are derived anew, once",
    }
)
# Answers to a placement after which none will ever be taken.
GLOBAL_REJECTS: Final = frozenset(
    {"version_mismatch", "signature", "not_owner", "account_type", "banned", "closed_only"}
)
_ALARMS: Final = {"blocked": "venue_blocks", "unauthorized": "keys_refused"}
_KEYS: Final = "unauthorized"
_AGAIN: Final = "keys_refused_again"
# Answers to who asks for keys that say that there are none to be had.
_NO_KEYS: Final = frozenset({_KEYS, "refused", "banned"})
_RESTART: Final = "restarting"


class VenueState:
    """Keeps it.

    Args:
        limits: How long is waited.
        findings: Where conclusions go.

    Attributes:
        throttled_ns: No placement goes out before.
        wants_keys: The keys are to be derived anew.
    """

    __slots__ = (
        "_backoffs",
        "_findings",
        "_is_refused",
        "_limits",
        "_recovered_ns",
        "_refused_ns",
        "_renewed_ns",
        "_throttle",
        "_until_ns",
        "throttled_ns",
        "wants_keys",
    )

    def __init__(self, limits: RiskLimits, findings: Findings) -> None:
        self.throttled_ns = 0
        self._limits = limits
        self._findings = findings
        self._throttle = self._backoff()
        # By state: how long it lasts the next time, and until when it lasts now.
        self._backoffs: dict[str, Backoff] = {}
        self._until_ns: dict[str, int] = {}
        # Of refused keys: whether they are, when the request of the last refusal was sent, and when
        # they were good again, -1 for never.
        self._is_refused = False
        self._refused_ns = 0
        self._recovered_ns = -1
        # When they were derived anew, -1 for never.
        self._renewed_ns = -1
        self.wants_keys = False

    def refused(self, now_ns: int, reason: str, sent_ns: int, retry_after_ns: int = 0) -> None:
        """Take the reason of any answer that is not what was asked for.

        Args:
            sent_ns: When its request was sent.
            retry_after_ns: The venue's wish, 0 for none.
        """
        if reason == _KEYS:
            self._keys_refused(now_ns, sent_ns)
        elif reason in SPELLS and now_ns >= self._until_ns.get(reason, 0):
            # Answers within a spell are of the same moment, and do not make it longer.
            backoff = self._backoffs.get(reason)
            if backoff is None:
                backoff = self._backoffs[reason] = self._backoff(reason)
                self._alarm(reason)
            until_ns = self._until_ns[reason] = backoff.fail(now_ns, retry_after_ns)
            self._findings.closings.append(Closing(reason, until_ns))

    def throttled(self, now_ns: int, retry_after_ns: int) -> None:
        """Take a placement that was refused for its rate."""
        if now_ns >= self.throttled_ns:
            self.throttled_ns = self._throttle.fail(now_ns, retry_after_ns)

    def order_refused(self, reason: str, order: str) -> None:
        """Take a placement that was refused for a reason of its own."""
        if reason in GLOBAL_REJECTS:
            self._halt("orders_refused", order, reason)

    def order_taken(self) -> None:
        """Take a placement that was accepted: the venue is itself again."""
        self._throttle.succeed()
        self._backoffs.clear()

    def answered(self, now_ns: int, sent_ns: int) -> None:
        """Take any answer that only good keys get."""
        if self._is_refused and sent_ns > self._refused_ns:
            self._is_refused = self.wants_keys = False
            self._recovered_ns = now_ns
            self._findings.reopenings.append(_KEYS)

    def keys_renewed(self, recv_ns: int) -> None:
        """Know that what is sent from then on carries keys that the venue has just given."""
        self.wants_keys = False
        self._renewed_ns = recv_ns

    def keys_denied(self, reason: str) -> None:
        """Take why the venue gave no keys; where it knows of none, nobody can help."""
        if self._is_refused and reason in _NO_KEYS:
            self.wants_keys = False
            self._halt(_AGAIN, "", f"none are given: {reason}")

    def _keys_refused(self, now_ns: int, sent_ns: int) -> None:
        """Derive them anew and wait for a good answer; the second time nobody can help."""
        if sent_ns <= max(self._recovered_ns, self._renewed_ns):
            # It belongs to the spell that is over, or to the keys from before.
            return
        self._refused_ns = max(self._refused_ns, sent_ns)
        is_again = self._is_soon_after(now_ns, self._renewed_ns)
        if not self._is_refused:
            is_again = is_again or self._is_soon_after(now_ns, self._recovered_ns)
        elif not is_again:
            return
        if is_again:
            self._halt(_AGAIN, "", SPELLS[_KEYS])
        self.wants_keys = not is_again
        if self._is_refused:
            return
        self._is_refused = True
        self._alarm(_KEYS)
        self._findings.closings.append(Closing(_KEYS))

    def _is_soon_after(self, now_ns: int, at_ns: int) -> bool:
        return at_ns >= 0 and now_ns - at_ns < self._limits.unauthorized_window_ns

    def _halt(self, name: str, subject: str, text: str) -> None:
        self._findings.closings += (Closing(name), Closing("halted"))
        self._findings.alarms.append(Alarm("halted", subject, f"{name}: {text}"))

    def _alarm(self, reason: str) -> None:
        name = _ALARMS.get(reason, "venue_restart")
        self._findings.alarms.append(Alarm(name, "", SPELLS[reason]))

    def _backoff(self, reason: str = "") -> Backoff:
        limits = self._limits
        longest_ns = limits.restart_ns_max if reason == _RESTART else limits.backoff_ns_max
        return Backoff(limits.backoff_ns_min, longest_ns)
