"""What the journal keeps beside the evidence itself.

Items of `polymm.engine.evidence` are kept as they are where they say all there is to say: Written,
CancelWritten, FillTold, Merged, MergeFailed, MarketSettled, BalancesRead, Correction.
"""

from typing import NamedTuple, final

from polymm.domain.market import Market
from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Action,
    Counted,
    LimitReached,
    MergeFound,
    OrderEnded,
    ResultKnown,
    TradesKnown,
)

# One look of a maker at its market or of the gate at its budget: see `polymm.engine.looks`.
Look = tuple[int, ...]


@final
class RunBegun(NamedTuple):
    """A process took the account over.

    Args:
        version: Of polymm.
        config: Digest of the configuration, without secrets.
        boot: Of the host; another one than now says that it went down in between.
    """

    version: str
    config: str
    account: str
    started_ns: int
    boot: str = ""


@final
class MarketKnown(NamedTuple):
    """A market was taken in."""

    market: Market
    at_ns: int


@final
class OrderPlanned(NamedTuple):
    """An order is about to be sent; no byte of it had left when this was written."""

    order: str
    market: str
    place: Place
    planned_ns: int


@final
class OrderKept(NamedTuple):
    """All that is known of one order, as a checkpoint carries it on.

    Args:
        sent_ns: When its bytes were handed over, 0 where that is not known: they may have been.
        cancels: When each cancel of it was handed over, in order.
        how: Name of its final state, "" while it may be live.
        matched_e6: What was matched when it ended.
    """

    plan: OrderPlanned
    sent_ns: int
    cancels: tuple[int, ...]
    how: str
    matched_e6: int


@final
class MergeAsked(NamedTuple):
    """Pairs are about to be merged; no byte of the request had left when this was written."""

    market: str
    pairs_e6: int
    at_ns: int


@final
class LimitsLifted(NamedTuple):
    """A person has lifted the limits of losses: counting begins anew."""

    at_ns: int


@final
class LossesKept(NamedTuple):
    """What counts towards the limits of losses, as a checkpoint carries it on.

    Args:
        day, won: As in ResultKnown.
        worths: Of each market that is not settled, 5e-11 dollars.
    """

    day: int
    won: int
    worths: tuple[tuple[str, int], ...]
    counted: tuple[Counted, ...]
    reached: tuple[LimitReached, ...]


@final
class Checkpoint(NamedTuple):
    """Everything that earlier records told and that is still needed.

    Args:
        merged: Pairs that became cash, by market.
        asked: Merges of which it is not known what became of them.
        forgotten_e10: What markets that are in none of these did to the cash, 1e-10 dollars.
        trades_known_ns: Every trade matched before is in here; 0 where that was never proven.
        next_order_id: Above every number used so far.
    """

    run: RunBegun | None
    markets: tuple[MarketKnown, ...]
    settled: tuple[ev.MarketSettled, ...]
    orders: tuple[OrderKept, ...]
    fills: tuple[ev.FillTold, ...]
    merged: tuple[tuple[str, int], ...]
    asked: tuple[MergeAsked, ...]
    corrections: tuple[ev.Correction, ...]
    balances: ev.BalancesRead | None
    forgotten_e10: int
    trades_known_ns: int
    next_order_id: int
    last_ns: int
    losses: LossesKept


@final
class StepInput(NamedTuple):
    """All that one step of the engine was given.

    Args:
        looks: What was read through ports during the step, in order.
    """

    now_ns: int
    event: ev.Event
    looks: tuple[Look, ...]


@final
class StepOutput(NamedTuple):
    """What the step before answered; there is none where it answered nothing."""

    actions: tuple[Action, ...]


@final
class Gap(NamedTuple):
    """So many steps are missing here: the journal could not be written."""

    steps: int


Kept = (
    MarketKnown
    | OrderPlanned
    | ev.Written
    | ev.CancelWritten
    | ev.FillTold
    | OrderEnded
    | MergeAsked
    | ev.Merged
    | ev.MergeFailed
    | MergeFound
    | ev.MarketSettled
    | ev.BalancesRead
    | TradesKnown
    | ev.Correction
    | ResultKnown
    | Counted
    | LimitReached
    | LimitsLifted
)
Record = RunBegun | Checkpoint | Kept | StepInput | StepOutput | Gap
