"""What the engine asks for; whoever drives it carries it out in order and tells what became of it.

Nothing here is ever carried out twice: a request that was lost is answered as unknown, and the
engine decides what follows.
"""

from typing import Final, NamedTuple, final

from polymm.domain.order import Place
from polymm.engine.evidence import Correction


@final
class Post(NamedTuple):
    """Sign these orders, put their hashes into the journal, and only then write them.

    Before the bytes are handed over `RiskGate.is_open` is asked once more. Answered by Signed and
    Written, then by one PlaceAnswered an order.
    """

    market: str
    places: tuple[Place, ...]


@final
class CancelOrders(NamedTuple):
    """Cancel orders by hash, at most 100 at a time. Answered by CancelWritten, CancelAnswered."""

    orders: tuple[str, ...]


@final
class Sweep(NamedTuple):
    """Cancel all orders of a market, "" for all of the account. Answered by Swept."""

    market: str


@final
class ReadOpen(NamedTuple):
    """List open orders, all pages; "" for all markets. Answered by OpenListed or ReadFailed."""

    market: str


@final
class ReadOrder(NamedTuple):
    """Ask for one order. Answered by OrderRead or ReadFailed."""

    order: str


@final
class ReadTrades(NamedTuple):
    """List trades from a time on, all pages. Answered by TradesRead or ReadFailed."""

    market: str
    after_ns: int


@final
class ReadBalances(NamedTuple):
    """Read cash and the shares of these markets. Answered by BalancesRead or ReadFailed."""

    markets: tuple[str, ...]


@final
class ReadPreflight(NamedTuple):
    """Look at version, contracts, skew and key policy. Answered by PreflightRead or ReadFailed."""


@final
class ReadKeys(NamedTuple):
    """Have the venue give the API credentials anew, and use them from then on.

    Answered by KeysRead or ReadFailed.
    """


@final
class Beat(NamedTuple):
    """Send a heartbeat. Answered by BeatAnswered."""


@final
class MergePairs(NamedTuple):
    """Turn confirmed pairs into cash. Answered by Merged or MergeFailed, each pair once."""

    market: str
    pairs_e6: int


@final
class Alarm(NamedTuple):
    """Tell people; ``name`` is one of `polymm.engine.alarms.ALARMS`."""

    name: str
    subject: str
    text: str


@final
class Finished(NamedTuple):
    """The engine is done; ``left`` are orders that may still be live.

    Args:
        code: ``stopped``, ``halted`` or ``unproven``.
    """

    code: str
    left: tuple[str, ...]
    reason: str


@final
class OrderEnded(NamedTuple):
    """Write down that an order is final.

    Args:
        how: Name of its last state; "" where it turns out not to be final after all.
    """

    order: str
    how: str
    matched_e6: int


@final
class TradesKnown(NamedTuple):
    """Write down that every trade matched before ``until_ns`` was told (venue time)."""

    until_ns: int


@final
class MergeFound(NamedTuple):
    """Write down what became of a merge that an earlier process had asked for."""

    market: str
    pairs_e6: int
    is_done: bool


@final
class ResultKnown(NamedTuple):
    """Write down what a market is worth to us, and what the day has come to with that.

    Args:
        worth: What its fills and what is held by them come to, 5e-11 dollars.
        day: Days since the epoch, by UTC.
        won: On that day by all markets, 5e-11 dollars, below 0 for a loss.
    """

    market: str
    worth: int
    day: int
    won: int


@final
class Counted(NamedTuple):
    """Write down a mark-out or a failed settlement: it counts towards a limit for a while.

    Args:
        limit: ``markouts`` or ``failed_settlements``.
        won: By the mark-out, 5e-11 dollars.
        until_ns: From then on it counts no more.
    """

    limit: str
    won: int
    at_ns: int
    until_ns: int


@final
class LimitReached(NamedTuple):
    """Write down that a limit of losses was reached: it binds until a person lifts it."""

    limit: str
    at_ns: int


# Nothing else is to be done about these: the journal takes them out of what a step answered.
Memo = OrderEnded | TradesKnown | Correction | MergeFound | ResultKnown | Counted | LimitReached

Read = ReadOpen | ReadOrder | ReadTrades | ReadBalances | ReadPreflight | ReadKeys

Action = (
    Post
    | CancelOrders
    | Sweep
    | ReadOpen
    | ReadOrder
    | ReadTrades
    | ReadBalances
    | ReadPreflight
    | ReadKeys
    | Beat
    | MergePairs
    | Alarm
    | Finished
    | OrderEnded
    | TradesKnown
    | Correction
    | MergeFound
    | ResultKnown
    | Counted
    | LimitReached
)

_TURNS: Final[dict[type, int]] = {CancelOrders: 0, Sweep: 0, Post: 1, MergePairs: 2, Beat: 2}
_LAST_TURN: Final = 3


def turn(action: Action) -> int:
    """Give an action's place among those of a step: cancels before placements, reads after both."""
    return _TURNS.get(type(action), _LAST_TURN)
