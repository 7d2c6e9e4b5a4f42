"""A recorded or synthetic market as the venue and the engine meet it: frames with times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from polymm.domain.market import Market


class TapeFrame(NamedTuple):
    """One market-channel frame.

    ``exch_ns`` is venue time; ``recv_ns`` our receipt, 0 where it was not recorded in a usable way.
    """

    exch_ns: int
    recv_ns: int
    frame: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """One market's frames in venue order, with what is known of its end.

    Args:
        frames: Sorted by ``exch_ns``, stable.
        outcome: Recorded winner; None where it was not recorded. Never inferred.
        has_trades: Whether trades were recorded; without them fills need a form (see
            docs/strategy.md 4.3).
        token_labelled: Whether Up and Down are known; else the token is taken as ``--token-as``.
        source: File the tape came from, or ``synthetic seed=N window=K``.
        defects: What was wrong in the source, name to count. Nothing is dropped in silence.
        trade_lag_ns: How much later than its match a trade message is stamped; a venue that
            replays the tape moves trades back by it.
        truth: For synthetic markets: (n, 2) pairs (exch_ns, true probability of Up); else empty.
    """

    market: Market
    frames: Sequence[TapeFrame]
    outcome: Literal["up", "down"] | None
    has_trades: bool
    token_labelled: bool = True
    source: str = ""
    defects: Mapping[str, int] = field(default_factory=dict)
    trade_lag_ns: int = 0
    truth: Sequence[tuple[int, float]] = ()
