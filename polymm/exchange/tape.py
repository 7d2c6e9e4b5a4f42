"""What the venue of a tape is told: delays, queue model, and what fills an order of ours."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from polymm.domain.market import NS
from polymm.errors import InputError

MS: Final = NS // 1000
MERGE_DELAY_NS: Final = 5 * NS

FillForm = Literal["trades", "none", "through"]

_QUEUE = re.compile(r"(risk_averse|prob)(?:\(([0-9.]+)\))?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """What lies between us and the venue, ns, constant.

    Args:
        feed_ns: From venue time to our receipt, where a tape has no usable receipt times.
        order_ns: From our sending an order or a merge to its arrival.
        cancel_ns: The same for a cancel.
        reply_ns: From an event at the venue to our knowing of it: answers and fills.
    """

    feed_ns: int = 100 * MS
    order_ns: int = 50 * MS
    cancel_ns: int = 50 * MS
    reply_ns: int = 50 * MS

    def scaled(self, factor: float) -> "Latency":
        """Stretch every delay, for the stress run."""
        return Latency(
            feed_ns=round(self.feed_ns * factor),
            order_ns=round(self.order_ns * factor),
            cancel_ns=round(self.cancel_ns * factor),
            reply_ns=round(self.reply_ns * factor),
        )


def parse_queue(text: str) -> tuple[str, float]:
    """Read a queue model: ``risk_averse``, ``prob`` (n = 3) or ``prob(n)``.

    Raises:
        InputError: Another text, or n not above 0.
    """
    match = _QUEUE.match(text)
    if match is None or (match[1] == "risk_averse" and match[2]):
        raise InputError(f"queue must be risk_averse, prob or prob(n), was {text!r}")
    try:
        n = float(match[2] or 3.0)
    except ValueError:
        n = 0.0
    if not n > 0.0:
        raise InputError(f"n of queue prob(n) must be a number above 0, was {match[2]}")
    return match[1], n
