"""What a maker is stepped with, besides the replies of a venue."""

from typing import Final, NamedTuple, final

from polymm.domain.order import Action, Cancelled, Rejected, Reply


@final
class BookChanged(NamedTuple):
    """The decoder applied a frame; ``flags`` is its answer. One is made per frame, so a tuple."""

    flags: int


@final
class Timer(NamedTuple):
    """The moment of `Maker.next_timer_ns` has come."""


@final
class Closing(NamedTuple):
    """Pull everything and place nothing any more."""


Event = BookChanged | Timer | Closing | Reply

# What most steps answer; shared, so that a frame which moves nothing costs no allocation.
NOTHING: Final[tuple[Action, ...]] = ()

# `Maker.next_timer_ns` when no timer is wanted.
NEVER_NS: Final = 2**63 - 1


def says_closed(reply: Reply) -> bool:
    """Whether the venue told us with this reply that the market is over."""
    match reply:
        case Rejected():
            return reply.reason == "market_closed"
        case Cancelled():
            return reply.reason == "expired"
    return False
