"""What the venue of a tape is told: delays, queue model, and what fills an order of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from polymm.domain.market import NS
from polymm.errors import InputError

MS: Final = NS // 1000
MERGE_DELAY_NS: Final = 5 * NS

FillForm = Literal["trades", "none", "through"]

_QUEUE = re.compile(r"(risk_averse|prob)(?:\(([0-9.]+)\))?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """What lies between us and the venue, ns: constant, but for what was measured.

    Args:
        feed_ns: From venue time to our receipt, where a tape has no usable receipt times.
        order_ns: From our sending an order or a merge to its arrival.
        cancel_ns: The same for a cancel.
        reply_ns: From an event at the venue to our knowing of it: answers and fills.
        match_ns: A drop of the book and a trade told within it may be one match.
        measured: Delays by "order", "cancel" and "reply", (n,) each: each is drawn from them then.
    """

    feed_ns: int = 100 * MS
    order_ns: int = 50 * MS
    cancel_ns: int = 50 * MS
    reply_ns: int = 50 * MS
    match_ns: int = NS
    measured: Mapping[str, NDArray[np.int64]] = field(default_factory=dict, compare=False)

    def of(self, name: str) -> int | NDArray[np.int64]:
        """The delay of that name: a number, or measured ones to draw from."""
        constant_ns: int = getattr(self, f"{name}_ns")
        return self.measured.get(name, constant_ns)

    def scaled(self, factor: float) -> "Latency":
        """Stretch every delay, for the stress run."""
        return Latency(
            match_ns=self.match_ns,
            feed_ns=round(self.feed_ns * factor),
            order_ns=round(self.order_ns * factor),
            cancel_ns=round(self.cancel_ns * factor),
            reply_ns=round(self.reply_ns * factor),
            measured={
                name: np.rint(values * factor).astype(np.int64)
                for name, values in self.measured.items()
            },
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
