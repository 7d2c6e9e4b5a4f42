"""Requests of the engine as they travel: what each does at the venue, and what it is told of it.

A call knows nothing of time on the wire or of what gets lost there; `tests.simulation.wire` does.
Whatever happens, it ends in exactly one of `events` and `failed`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from polymm.domain.market import NS
from polymm.domain.order import Place, Token
from polymm.engine import evidence as ev
from polymm.engine.ports import SignedOrder
from polymm.exchange import refusals
from polymm.exchange.entry import OrderRequest
from polymm.exchange.faults import Fault
from polymm.exchange.refusals import Refusal
from polymm.exchange.wallets import CASH
from polymm.venues.polymarket.reasons import reason_not_canceled, rule_of_refusal
from tests.simulation.faults import WireFault

if TYPE_CHECKING:
    from tests.simulation.wire import Wire

_NOT_SENT = "not_sent"
_REFUSED = "refused"
_UNKNOWN = "unknown"

PLACE_FAILED = {
    _NOT_SENT: ev.PlaceVerdict.NOT_SENT,
    _REFUSED: ev.PlaceVerdict.REJECTED,
    _UNKNOWN: ev.PlaceVerdict.UNKNOWN,
}
CANCEL_FAILED = {
    _NOT_SENT: ev.CancelVerdict.NOT_SENT,
    _REFUSED: ev.CancelVerdict.REFUSED,
    _UNKNOWN: ev.CancelVerdict.UNKNOWN,
}
not_canceled_reason = cache(reason_not_canceled)


class Call(ABC):
    """One request.

    Attributes:
        kind: What it is.
        cost: Tokens of its bucket.
        market, orders, places: What its bytes name, for the log.
        sent_ns: When its bytes were handed over, 0 where they never were.
    """

    kind: ClassVar[str]
    is_post: ClassVar[bool] = False
    is_cancel: ClassVar[bool] = False
    is_read: ClassVar[bool] = False
    needs_key: ClassVar[bool] = True
    cost = 1
    market = ""
    orders: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()

    def __init__(self, wire: "Wire") -> None:
        self.wire = wire
        self.sent_ns = 0

    @abstractmethod
    def act(self, now_ns: int) -> Refusal | None:
        """Do at the venue what was asked for, or say why not."""

    @abstractmethod
    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        """Say what a whole answer tells."""

    @abstractmethod
    def failed(self, how: str, reason: str, recv_ns: int, retry_ns: int) -> Sequence[ev.Event]:
        """Say what is known without one; ``how`` is not_sent, refused or unknown."""

    def refused(self, refusal: Refusal, recv_ns: int) -> Sequence[ev.Event]:
        """Say what a refusal tells, by the client's own table of reasons."""
        reason, is_known = known_refusal(refusal.status, refusal.text, refusal.code)
        how = _REFUSED if is_known else _UNKNOWN
        return self.failed(how, reason, recv_ns, (refusal.retry_after_s or 0) * NS)


@cache
def _known(status: int, text: str, code: str) -> tuple[str, bool]:
    rule = rule_of_refusal(status, text, code)
    return rule.reason, rule.is_known


def known_refusal(status: int, text: str, code: str) -> tuple[str, bool]:
    """Look a refusal up; texts that name an order are not kept."""
    if text.startswith(("order 0x", "not enough")):
        rule = rule_of_refusal(status, text, code)
        return rule.reason, rule.is_known
    return _known(status, text, code)


class PostCall(Call):
    """POST /order."""

    kind = "post"
    is_post = True

    def __init__(
        self, wire: "Wire", market: str, signed: SignedOrder, request: OrderRequest
    ) -> None:
        super().__init__(wire)
        self.order = signed.order
        self.market, self.orders, self.places = market, (signed.order,), (signed.place,)
        self._request = request
        self._placed = "live"

    def act(self, now_ns: int) -> Refusal | None:
        wire = self.wire
        placed = wire.order_refusal(now_ns) or wire.exchange.place(now_ns, self._request)
        if isinstance(placed, Refusal):
            return placed
        self._placed = placed.status
        faults = wire.exchange.faults
        if faults.strikes(Fault.POST_UNKNOWN):
            return refusals.ORDER_UNKNOWN
        if faults.strikes(Fault.BATCH_LEG_UNNAMED):
            self._placed = "unnamed"
        elif wire.faults.strikes(WireFault.POST_SAYS_DELAYED):
            self._placed = "delayed"
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        if self._placed == "unnamed":
            return self.failed(_UNKNOWN, "leg_missing", recv_ns, 0)
        verdict = ev.PlaceVerdict[self._placed.upper()]
        return (ev.PlaceAnswered(self.order, verdict, "", self.sent_ns, recv_ns),)

    def failed(self, how: str, reason: str, recv_ns: int, retry_ns: int) -> Sequence[ev.Event]:
        verdict = PLACE_FAILED[how]
        return (ev.PlaceAnswered(self.order, verdict, reason, self.sent_ns, recv_ns, retry_ns),)


class CancelCall(Call):
    """DELETE /orders."""

    kind = "cancel"
    is_cancel = True

    def __init__(self, wire: "Wire", orders: Sequence[str]) -> None:
        super().__init__(wire)
        self.orders = tuple(orders)
        self.cost = len(self.orders)
        self._reasons: dict[str, str] = {}

    def act(self, now_ns: int) -> Refusal | None:
        exchange = self.wire.exchange
        faults = exchange.faults
        if faults.strikes(Fault.CANCEL_FAILED):
            return refusals.CANCEL_FAILED
        missed = {
            order: refusals.CANCEL_NOT_FOUND
            for order in self.orders
            if order in exchange.dealing.open and faults.strikes(Fault.CANCEL_UNKNOWN)
        }
        rest = [order for order in self.orders if order not in missed]
        answer = exchange.cancel(now_ns, self.wire.owner, rest)
        if isinstance(answer, Refusal):
            return answer
        self._reasons = answer.not_canceled | missed
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        return [self._answered(order, recv_ns) for order in self.orders]

    def _answered(self, order: str, recv_ns: int) -> ev.CancelAnswered:
        text = self._reasons.get(order)
        if text is None:
            verdict, reason = ev.CancelVerdict.CANCELED, ""
        else:
            reason = not_canceled_reason(text)
            verdict = ev.CancelVerdict.NOT_CANCELED
            if reason in ("delayed", "not_canceled"):
                verdict = ev.CancelVerdict.REFUSED
        return ev.CancelAnswered(order, verdict, reason, self.sent_ns, recv_ns)

    def failed(self, how: str, reason: str, recv_ns: int, retry_ns: int) -> Sequence[ev.Event]:
        verdict = CANCEL_FAILED[how]
        return [
            ev.CancelAnswered(order, verdict, reason, self.sent_ns, recv_ns, retry_ns)
            for order in self.orders
        ]


class SweepCall(Call):
    """DELETE /cancel-all or /cancel-market-orders."""

    kind = "sweep"
    is_cancel = True

    def __init__(self, wire: "Wire", market: str) -> None:
        super().__init__(wire)
        self.market = market
        self._canceled: tuple[str, ...] = ()
        self._kept: tuple[str, ...] = ()

    def act(self, now_ns: int) -> Refusal | None:
        wire = self.wire
        if wire.exchange.faults.strikes(Fault.CANCEL_FAILED):
            return refusals.CANCEL_FAILED
        answer = wire.exchange.cancel_where(now_ns, wire.owner, condition_id=self.market)
        if isinstance(answer, Refusal):
            return answer
        wire.cancels.debit(len(answer.canceled), into_debt=True)
        self._canceled = tuple(answer.canceled)
        self._kept = tuple(answer.not_canceled)
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        verdict = ev.CancelVerdict.CANCELED
        return (
            ev.Swept(self.market, verdict, self._canceled, self._kept, "", self.sent_ns, recv_ns),
        )

    def failed(self, how: str, reason: str, recv_ns: int, retry_ns: int) -> Sequence[ev.Event]:
        verdict = CANCEL_FAILED[how]
        return (ev.Swept(self.market, verdict, (), (), reason, self.sent_ns, recv_ns, retry_ns),)


class ReadCall(Call):
    """A query; ``subject`` is the market or order it asks for."""

    is_read = True
    read_kind: ClassVar[ev.ReadKind]

    def __init__(self, wire: "Wire", subject: str = "") -> None:
        super().__init__(wire)
        self.subject = subject

    def failed(self, how: str, reason: str, recv_ns: int, retry_ns: int) -> Sequence[ev.Event]:
        began_ns = self.sent_ns or recv_ns
        return (ev.ReadFailed(self.read_kind, self.subject, reason, began_ns, recv_ns),)


class OpenCall(ReadCall):
    """GET /data/orders, all pages."""

    kind = "read_open"
    read_kind = ev.ReadKind.OPEN

    def act(self, now_ns: int) -> Refusal | None:
        wire = self.wire
        self._seen = tuple(
            ev.OpenSeen(order.order_id, listing.condition_id, order.matched_e6, order.size_e6)
            for order, listing in wire.listed_orders(now_ns, self.subject)
        )
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        return (ev.OpenListed(self.subject, self._seen, self.sent_ns, recv_ns),)


class OrderCall(ReadCall):
    """GET /data/order/{id}."""

    kind = "read_order"
    read_kind = ev.ReadKind.ORDER

    def act(self, now_ns: int) -> Refusal | None:
        self._seen: ev.OpenSeen | None = None
        for order, listing in self.wire.listed_orders(now_ns, ""):
            if order.order_id == self.subject:
                self._seen = ev.OpenSeen(
                    order.order_id, listing.condition_id, order.matched_e6, order.size_e6
                )
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        return (ev.OrderRead(self.subject, self._seen, self.sent_ns, recv_ns),)


class TradesCall(ReadCall):
    """GET /data/trades, all pages; the venue counts whole seconds."""

    kind = "read_trades"
    read_kind = ev.ReadKind.TRADES

    def __init__(self, wire: "Wire", subject: str, after_ns: int) -> None:
        super().__init__(wire, subject)
        self._after_ns = after_ns

    def act(self, now_ns: int) -> Refusal | None:
        self._fills = self.wire.listed_fills(now_ns, self.subject, self._after_ns)
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        fills = tuple(fill._replace(recv_ns=recv_ns) for fill in self._fills)
        return (ev.TradesRead(self.subject, self._after_ns, fills, self.sent_ns, recv_ns),)


class BalancesCall(ReadCall):
    """GET /balance-allowance of cash and of some markets' tokens."""

    kind = "read_balances"
    read_kind = ev.ReadKind.BALANCES

    def __init__(self, wire: "Wire", markets: Sequence[str]) -> None:
        super().__init__(wire)
        self._markets = tuple(markets)

    def act(self, now_ns: int) -> Refusal | None:
        wire = self.wire
        stale = wire.stale_balances(now_ns)
        held = wire.wallet.balances if stale is None else stale
        self._cash_e6 = held.get(CASH, 0)
        shares = []
        for market in self._markets:
            listing = wire.exchange.listings.get(market)
            for token in Token if listing is not None else ():
                assert listing is not None
                shares.append((market, token, held.get(listing.token_id(token), 0)))
        self._shares = tuple(shares)
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        return (ev.BalancesRead(self._cash_e6, self._shares, self.sent_ns, recv_ns),)


class PreflightCall(ReadCall):
    """GET /version, /time, contracts and key policy."""

    kind = "read_preflight"
    read_kind = ev.ReadKind.PREFLIGHT

    def act(self, now_ns: int) -> Refusal | None:
        wire = self.wire
        self._faults = ("version",) if wire.is_all_refused(now_ns) else ()
        self._skew_ns = wire.draw_skew()
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        return (ev.PreflightRead(self._faults, self._skew_ns, self.sent_ns, recv_ns),)


class KeysCall(ReadCall):
    """POST /auth/api-key and GET /auth/derive-api-key: signed, so that no API key is refused."""

    kind = "read_keys"
    read_kind = ev.ReadKind.KEYS
    needs_key = False

    def act(self, now_ns: int) -> Refusal | None:
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        return (ev.KeysRead(self.sent_ns, recv_ns),)


class BeatCall(Call):
    """POST /v1/heartbeats."""

    kind = "beat"

    def act(self, now_ns: int) -> Refusal | None:
        if self.wire.exchange.faults.strikes(Fault.HEARTBEAT_REFUSED):
            return refusals.UNAUTHORIZED
        self.wire.feel_pulse(now_ns)
        return None

    def events(self, recv_ns: int) -> Sequence[ev.Event]:
        return (
            ev.BeatAnswered(is_accepted=True, reason="", sent_ns=self.sent_ns, recv_ns=recv_ns),
        )

    def failed(self, how: str, reason: str, recv_ns: int, retry_ns: int) -> Sequence[ev.Event]:
        return (
            ev.BeatAnswered(
                is_accepted=False, reason=reason, sent_ns=self.sent_ns, recv_ns=recv_ns
            ),
        )
