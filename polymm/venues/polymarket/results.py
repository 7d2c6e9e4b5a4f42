"""What became of a request, as values that say what is known and what is not.

"Known" is about the request: the venue took it, refused it, or never saw it. Only then may
exposure be released; whatever else came back, the order may rest (FAILURES principle 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from polymm.domain.market import Market
from polymm.domain.order import Side, Token


class NewOrder(NamedTuple):
    """One order to be signed and sent.

    A tuple since it is made on the path: a frozen dataclass takes four times as long to fill.

    Args:
        market: As it is now: its tick is the grid of the price.
        price_e4: 1e-4 dollars in the token's own terms; of FAK and FOK the worst that is taken.
        size_e6: 1e-6 shares; of a FAK or FOK that buys, 1e-6 dollars to spend before fees.
        kind: GTC, GTD, FAK or FOK.
        post_only: Only GTC and GTD may be.
        expiration_s: Unix seconds of a GTD order, else 0. The venue wants 180 s from now at least
            and cancels 60 s before that time.
    """

    market: Market
    token: Token
    side: Side
    price_e4: int
    size_e6: int
    kind: str = "GTC"
    post_only: bool = True
    expiration_s: int = 0


class PlaceState(StrEnum):
    """What the answer to a placement says."""

    LIVE = "live"  # rests
    MATCHED = "matched"  # filled at once, whole or in part; the rest may rest
    DELAYED = "delayed"  # waits out the taker delay, cannot be cancelled meanwhile
    REJECTED = "rejected"  # never rested, never will
    NOT_SENT = "not_sent"  # no byte left us: never rested, never will
    UNKNOWN = "unknown"  # may rest, may fill: ask by id


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceResult:
    """What is known of one order after its request ended.

    Args:
        order_id: Ours, as it was known before sending.
        reason: "" where it was accepted, else a key of `reasons.REASONS`.
        text: The venue's words or ours, for people; cut and printable.
        making_e6: Given at once: 1e-6 dollars of a BUY, 1e-6 shares of a SELL.
        taking_e6: Got at once, the other way round.
        trade_ids: Of fills at once.
        retry_after_ns: The venue's wish, or when our own budget allows; 0 where nobody said.
        decided_ns: When placing was asked for; this and all stamps by the gateway's clock.
        signed_ns: When its request was ready.
        written_ns: When it had been handed to the socket; 0 where it never was.
        answered_ns: When the answer was whole or the waiting ended.
    """

    order_id: str
    state: PlaceState
    reason: str = ""
    text: str = ""
    making_e6: int = 0
    taking_e6: int = 0
    trade_ids: tuple[str, ...] = ()
    retry_after_ns: int = 0
    decided_ns: int = 0
    signed_ns: int = 0
    written_ns: int = 0
    answered_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether the outcome is known."""
        return self.state is not PlaceState.UNKNOWN

    @property
    def is_accepted(self) -> bool:
        """Whether the venue took the order."""
        return self.state in (PlaceState.LIVE, PlaceState.MATCHED, PlaceState.DELAYED)


class CancelState(StrEnum):
    """What the answer to a cancel says of one order."""

    CANCELED = "canceled"  # proof: it no longer rests
    NOT_CANCELED = "not_canceled"  # there was nothing to cancel; see `CancelResult.is_final`
    REJECTED = "rejected"  # the venue did not act on the request: the order is as it was
    NOT_SENT = "not_sent"  # no byte left us: the order is as it was
    UNKNOWN = "unknown"  # may have been cancelled


# Reasons of NOT_CANCELED after which the order is as it was.
NOT_FINAL: Final = frozenset({"delayed", "not_canceled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelResult:
    """What is known of one cancel after its request ended; fields as in `PlaceResult`.

    Args:
        reason: Of NOT_CANCELED ``not_found``, ``matched``, ``gone``, ``canceled`` or ``delayed``;
            ``not_canceled`` where the venue gave a reason that nobody knows.
    """

    order_id: str
    state: CancelState
    reason: str = ""
    text: str = ""
    retry_after_ns: int = 0
    decided_ns: int = 0
    signed_ns: int = 0
    written_ns: int = 0
    answered_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether the outcome of the request is known; of the order only CANCELED proves any."""
        return self.state is not CancelState.UNKNOWN

    @property
    def is_final(self) -> bool:
        """Whether sending this cancel again would be pointless: the venue knows no such order."""
        if self.state is CancelState.NOT_CANCELED:
            return self.reason not in NOT_FINAL
        return self.state is CancelState.CANCELED


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What is known after all orders, or all of one market, were to be cancelled.

    Args:
        state: CANCELED where the venue did it (perhaps to no order at all), else as `CancelState`.
        canceled: Ids that no longer rest.
        not_canceled: Ids that could not be cancelled, with reasons as of `CancelResult`.
    """

    state: CancelState
    canceled: tuple[str, ...] = ()
    not_canceled: Mapping[str, str]
    reason: str = ""
    text: str = ""
    retry_after_ns: int = 0
    written_ns: int = 0
    answered_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether the outcome of the request is known."""
        return self.state is not CancelState.UNKNOWN

    @property
    def ended(self) -> tuple[str, ...]:
        """Ids that could not be cancelled because the venue knows no such order any more."""
        return tuple(one for one, reason in self.not_canceled.items() if reason not in NOT_FINAL)


class BeatState(StrEnum):
    """What became of a heartbeat."""

    ACCEPTED = "accepted"  # the dead man's switch starts anew
    REFUSED = "refused"  # the venue said no: the switch runs on
    MISSED = "missed"  # not sent or no answer: the switch may run on


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatResult:
    """What is known of one heartbeat.

    Args:
        written_ns: When the last copy was handed to the socket: at the latest then the venue's
            deadline began if it was accepted.
        copies: Requests it took: 2 where the venue named another id first.
    """

    state: BeatState
    reason: str = ""
    text: str = ""
    retry_after_ns: int = 0
    written_ns: int = 0
    answered_ns: int = 0
    copies: int = 1


# What queries give.


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """One order as the venue lists it.

    Args:
        status: Upper case, without prefix: ``LIVE``, ``MATCHED``, ...
        price_e4: 1e-4 dollars, in the token's own terms.
        size_e6: As ordered, 1e-6 shares.
        matched_e6: Filled of it.
        kind: GTC, GTD, ...
        expiration_s: Unix seconds, 0 for none.
        created_s: Unix seconds, 0 where the venue does not say.
    """

    order_id: str
    status: str
    condition_id: str
    token_id: str
    side: Side
    price_e4: int
    size_e6: int
    matched_e6: int
    outcome: str
    maker: str
    kind: str
    expiration_s: int
    created_s: int
    trade_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerFill:
    """One maker order's part of a trade: token, side and price are its own."""

    order_id: str
    owner: str
    maker: str
    token_id: str
    side: Side
    price_e4: int
    size_e6: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRecord:
    """One trade as the venue lists it.

    Args:
        price_e4: Rounded: of a taker that met several makers it may be an average.
        status: Upper case, without prefix; ``MATCHED_NOT_BROADCASTED`` appears only here.
        token_id: The taker's, as are ``side``, ``price_e4`` and ``size_e6``.
        is_maker: Whether we were a maker in it; then `fills` says what is ours.
        matched_s: Unix seconds.
        transaction_hash: "" before it was broadcast.
    """

    trade_id: str
    status: str
    condition_id: str
    token_id: str
    side: Side
    price_e4: int
    size_e6: int
    is_maker: bool
    taker_order_id: str
    matched_s: int
    updated_s: int
    transaction_hash: str
    fills: tuple[MakerFill, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """What the venue believes a wallet holds of one asset.

    Args:
        balance_e6: 1e-6 dollars or shares.
        allowances_e6: By operator's address in lower case; huge where unlimited.
    """

    balance_e6: int
    allowances_e6: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Geoblock:
    """Whether the site lets this machine's address trade."""

    is_blocked: bool
    country: str
    region: str


class SettleState(StrEnum):
    """What became of calls on chain: split, merge, redeem or approvals."""

    SETTLED = "settled"  # all of them ran
    FAILED = "failed"  # what is not named by a hash did not run and never will
    UNKNOWN = "unknown"  # balances tell, once nothing can be on its way any more


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleResult:
    """What is known of calls on chain when waiting for them ended.

    Args:
        reason: "" where they ran, else a key of `reasons.SETTLE_REASONS` or `reasons.REASONS`.
        transaction_hashes: Of what ran or may still run, in order; the relayer's may be missing.
        may_retry: Whether the same calls may pass later, made anew.
    """

    state: SettleState
    reason: str = ""
    text: str = ""
    transaction_hashes: tuple[str, ...] = ()
    may_retry: bool = False
