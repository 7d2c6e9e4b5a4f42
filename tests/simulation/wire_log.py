"""What left the engine, as the world's wire saw it: the `W` of FAILURES.

The wire hands each of these to the checker at the moment of the write, before the venue can act on
it, and keeps them if it likes. Nothing in here is told by the engine.
"""

from collections.abc import Sequence
from typing import NamedTuple

from polymm.domain.order import Place
from polymm.exchange.entry import OrderRequest


class PostSent(NamedTuple):
    """The bytes of one placement request, with one or more orders.

    Args:
        market: Condition id.
        places: What the engine meant.
        requests: What the bytes say, in the same order; ``order_id`` is the hash.
    """

    market: str
    places: Sequence[Place]
    requests: Sequence[OrderRequest]


class CancelSent(NamedTuple):
    """The bytes of a cancel of these orders."""

    orders: Sequence[str]


class SweepSent(NamedTuple):
    """The bytes of a cancel of a market's orders, "" for all."""

    market: str


class BeatSent(NamedTuple):
    """The bytes of a heartbeat."""


class MergeSent(NamedTuple):
    """A merge was handed to the relayer."""

    market: str
    pairs_e6: int


Sent = PostSent | CancelSent | SweepSent | BeatSent | MergeSent
