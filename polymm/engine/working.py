"""The orders of one market as far as replies prove them.

Belief follows evidence only: a sent cancel frees nothing, a fill applies in any state, and a reply
that the table of `polymm.domain.order` does not know moves nothing and is counted. What to order
is decided elsewhere, and what lost replies and reads of the venue prove is told as such replies by
`polymm.engine.order_manager`.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from polymm._core.layout import BID
from polymm.domain.order import (
    NEXT_STATE,
    Accepted,
    Cancel,
    Cancelled,
    CancelRefused,
    Fill,
    OrderEvent,
    OrderState,
    Place,
    Rejected,
    Side,
    Token,
)
from polymm.domain.tuples import filled

# By name here: an enum takes several times as long to look its members up.
_NEW, _WORKING, _CANCEL, _CLOSING, _DONE = OrderState
_UP = Token.UP
_INTENDED = (_NEW, _WORKING)
_RESTING = (_WORKING, _CANCEL)
_UNPROVEN = (_CANCEL, _CLOSING)


class Leg(NamedTuple):
    """One order a quote asks for; ``side`` is BID or ASK in Up terms, the price the token's own."""

    side: int
    token: Token
    action: Side
    price_e4: int
    size_e6: int

    @property
    def up_price_e4(self) -> int:
        """Price in Up terms."""
        return self.price_e4 if self.token is _UP else 10_000 - self.price_e4


class WorkingOrder:
    """One order that may be live.

    Args:
        now_ns: Of its placement.

    Attributes:
        side: BID or ASK, in Up terms as ``up_price_e4``.
        asked_ns: When the latest cancel was sent or, in CLOSING, when the debt became known;
            the placement until then.
        awaiting: Whether an answer is on its way and still in time.
        alive: Whether the venue showed that the order rested.
        owed_e6: Shares filled according to the proof of the cancel.
        matched: The venue refused a cancel because fills are to come; no further cancel helps.
    """

    __slots__ = (
        "alive",
        "asked_ns",
        "awaiting",
        "cancels",
        "filled_e6",
        "matched",
        "owed_e6",
        "place",
        "side",
        "state",
        "up_price_e4",
    )

    def __init__(self, place: Place, side: int, up_price_e4: int, now_ns: int) -> None:
        self.place = place
        self.side = side
        self.up_price_e4 = up_price_e4
        self.asked_ns = now_ns
        self.state: OrderState = _NEW
        self.awaiting = True
        self.alive = self.matched = False
        self.filled_e6 = self.owed_e6 = self.cancels = 0

    @property
    def remaining_e6(self) -> int:
        """What may still fill, 1e-6 shares."""
        total = self.owed_e6 if self.state is _CLOSING else self.place.size_e6
        return max(total - self.filled_e6, 0)

    @property
    def is_intended(self) -> bool:
        """Whether the order stands for a quote we still want: sent or working, not cancelled."""
        return self.state in _INTENDED

    @property
    def is_unproven(self) -> bool:
        """Whether its end was asked for or reported, and is not proven."""
        return self.state in _UNPROVEN

    @property
    def is_unanswered(self) -> bool:
        """Whether the placement was never answered and is overdue."""
        return self.state is _NEW and not self.awaiting


class WorkingOrders:
    """All orders of one market that may be live, from their placement to their proof.

    Done orders are dropped; the keys of fills stay for the life of the market, which bounds them.

    Args:
        slug: Market; a fill of another one is foreign.
        counts: Where oddities are counted, by name.
        first_order_id: Ids run upwards from here; concurrent makers need ranges of their own.
    """

    __slots__ = (
        "_cancels_max",
        "_counts",
        "_first_id",
        "_live",
        "_next_id",
        "_seen",
        "_sides",
        "_slug",
        "_void",
        "_wait_ns",
    )  # fmt: skip

    def __init__(
        self,
        slug: str,
        counts: Counter[str],
        *,
        first_order_id: int = 1,
        proof_wait_ns: int,
        cancels_max: int,
    ) -> None:
        self._slug = slug
        self._counts = counts
        self._first_id = self._next_id = first_order_id
        self._wait_ns = proof_wait_ns
        self._cancels_max = cancels_max
        self._live: dict[int, WorkingOrder] = {}
        # The same by side.
        self._sides: tuple[dict[int, WorkingOrder], dict[int, WorkingOrder]] = ({}, {})
        self._seen: set[tuple[int, int]] = set()
        self._void: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[WorkingOrder]:
        """All that may be live, oldest first. A snapshot: orders may end meanwhile."""
        return iter(tuple(self._live.values()))

    def get(self, order_id: int) -> WorkingOrder | None:
        """The order, or None where it is done or was never ours."""
        return self._live.get(order_id)

    def is_own(self, order_id: int) -> bool:
        """Whether an order of that number was ever booked here."""
        return self._first_id <= order_id < self._next_id

    def on_side(self, side: int) -> Collection[WorkingOrder]:
        """Orders of BID or ASK that may be live, unproven ones included: a view, not a snapshot."""
        return self._sides[side].values()

    def resting(self, side: int) -> tuple[int, int]:
        """Price in Up terms and remaining size that rest as far as we know; (0, 0) for nothing.

        Counts from the first sign of life until the proof of the end, so through a cancel.
        """
        return self._level(side, _RESTING)

    def intended(self, side: int) -> tuple[int, int]:
        """Price and remaining size we mean to have there: sent or working and not cancelled."""
        return self._level(side, _INTENDED)

    @property
    def selling_up_e6(self) -> int:
        """Up shares that back sells which may be live."""
        return sum(
            order.remaining_e6
            for order in self._live.values()
            if order.place.token is _UP and order.place.side is Side.SELL
        )

    def unproven(self, held: int = 0) -> tuple[int, int]:
        """Sides waiting for a proof on its way, and sides blocked: none is to be expected now.

        Args:
            held: Sides that share the fate of unproven orders of the other side.

        Returns:
            Two masks of ``1 << side``. A side may be in both.
        """
        waiting = blocked = 0
        if not self._live:
            return 0, 0
        for order in self._live.values():
            if order.is_unproven:
                if order.awaiting:
                    waiting |= 1 << order.side
                else:
                    blocked |= 1 << order.side
        if waiting:
            waiting |= held
        elif blocked:
            blocked |= held
        return waiting, blocked

    def place(self, now_ns: int, leg: Leg) -> Place:
        """Book a new order and answer the action that sends it."""
        side, token, action, price_e4, size_e6 = leg
        order_id = self._next_id
        self._next_id = order_id + 1
        place = filled(Place, (order_id, self._slug, token, action, price_e4, size_e6))
        up_price_e4 = price_e4 if token is _UP else 10_000 - price_e4
        order = WorkingOrder(place, side, up_price_e4, now_ns)
        self._live[order_id] = self._sides[side][order_id] = order
        return place

    def cancel_all(self, now_ns: int, *, but: Collection[WorkingOrder] = ()) -> list[Cancel]:
        """Book cancels of everything that may be live, and answer those to be sent now.

        None is sent where one is on its way, was sent too recently, or can prove nothing.
        """
        cancels = []
        for order in self._live.values():
            if order not in but and self._may_cancel(now_ns, order):
                self._move(order, OrderEvent.CANCEL_SENT)
                order.cancels += 1
                order.asked_ns = now_ns
                order.awaiting = True
                cancels.append(Cancel(order.place.order_id, self._slug))
        return cancels

    def expire(self, now_ns: int) -> None:
        """Stop waiting for answers that are overdue. Their orders stay as live as before."""
        for order in self._live.values():
            if order.awaiting and now_ns >= order.asked_ns + self._wait_ns:
                order.awaiting = False
                if order.is_unproven:
                    self._counts["cancel_unproven"] += 1
                elif order.state is _NEW:
                    self._counts["placement_unanswered"] += 1
                if order.state is _CANCEL and not self._may_repeat(order):
                    self._counts["cancel_given_up"] += 1

    def deadline_ns(self) -> int | None:
        """When the first awaited proof is overdue, None where none is awaited."""
        times = [o.asked_ns for o in self._live.values() if o.is_unproven and o.awaiting]
        return min(times) + self._wait_ns if times else None

    def retry_ns(self) -> int | None:
        """When the first cancel is due again, None where there is none to send."""
        times = [o.asked_ns for o in self._live.values() if self._may_repeat(o)]
        return min(times) + self._wait_ns if times else None

    def apply(self, now_ns: int, reply: Accepted | Rejected | Cancelled | CancelRefused) -> bool:
        """Move an order by a reply; False where the reply was foreign, late or impossible."""
        order = self._live.get(reply.order_id)
        if order is None:
            known = self._first_id <= reply.order_id < self._next_id
            self._counts["late_reply" if known else "foreign_reply"] += 1
            return False
        match reply:
            case Accepted():
                moved = self._move(order, OrderEvent.ACCEPTED)
                order.alive = True
            case Rejected():
                # Evidence of life wins over a rejection: the order stays as live as it was.
                moved = not order.alive and self._move(order, OrderEvent.REJECTED)
            case CancelRefused():
                moved = self._move(order, OrderEvent.CANCEL_REFUSED)
                if order.state is _CANCEL:
                    order.awaiting = False
                    order.matched = order.matched or reply.reason == "matched"
                    self._counts["cancel_refused"] += 1
            case Cancelled():
                moved = self._end(now_ns, order, reply.filled_e6)
        if not moved:
            self._counts["impossible_reply"] += 1
        return moved

    def apply_fill(self, fill: Fill) -> bool:
        """Book a fill; True where the inventory must follow, False for foreign and seen ones.

        A fill of an order that is done is late and true all the same.
        """
        if fill.slug != self._slug or not self._first_id <= fill.order_id < self._next_id:
            self._counts["foreign_reply"] += 1
            return False
        key = (fill.trade_id, fill.order_id)
        if key in self._seen:
            self._counts["duplicate_fill"] += 1
            return False
        self._seen.add(key)
        order = self._live.get(fill.order_id)
        if order is None:
            self._counts["late_fill"] += 1
            return True
        order.filled_e6 += fill.size_e6
        order.alive = True
        if order.filled_e6 > order.place.size_e6:
            self._counts["overfill"] += 1
        done = order.remaining_e6 == 0
        self._move(order, OrderEvent.FILLED_ALL if done else OrderEvent.FILLED_PART)
        return True

    def apply_void(self, fill: Fill) -> bool:
        """Take note that a fill never happened; True where the inventory must follow.

        Its order was matched by it all the same: it is not reopened, nor is less of it filled.
        """
        if fill.slug != self._slug:
            self._counts["foreign_reply"] += 1
            return False
        key = (fill.trade_id, fill.order_id)
        if key in self._void or (self.is_own(fill.order_id) and key not in self._seen):
            self._counts["impossible_reply"] += 1
            return False
        self._void.add(key)
        self._counts["void_fill"] += 1
        return True

    def _may_cancel(self, now_ns: int, order: WorkingOrder) -> bool:
        if order.is_intended:
            return True
        return self._may_repeat(order) and now_ns >= order.asked_ns + self._wait_ns

    def _may_repeat(self, order: WorkingOrder) -> bool:
        return order.state is _CANCEL and not order.matched and order.cancels < self._cancels_max

    def _end(self, now_ns: int, order: WorkingOrder, filled_e6: int) -> bool:
        if filled_e6 <= order.filled_e6:
            return self._move(order, OrderEvent.CANCELLED)
        if not self._move(order, OrderEvent.CANCELLED_OWING):
            return False
        order.owed_e6 = filled_e6
        order.asked_ns = now_ns
        order.awaiting = True
        self._counts["fill_debt"] += 1
        return True

    def _move(self, order: WorkingOrder, event: OrderEvent) -> bool:
        state = NEXT_STATE.get((order.state, event))
        if state is None:
            return False
        if order.state is _NEW and state is _WORKING:
            order.awaiting = False
        order.state = state
        if state is _DONE:
            del self._live[order.place.order_id], self._sides[order.side][order.place.order_id]
        return True

    def _level(self, side: int, states: tuple[OrderState, ...]) -> tuple[int, int]:
        """Most aggressive price and summed remaining size of a side's orders in those states."""
        level_e4 = level_e6 = 0
        orders = self._sides[side]
        if not orders:
            return 0, 0
        for order in orders.values():
            if order.state in states:
                price_e4 = order.up_price_e4
                if not level_e4 or (price_e4 > level_e4 if side == BID else price_e4 < level_e4):
                    level_e4 = price_e4
                level_e6 += order.remaining_e6
        return level_e4, level_e6
