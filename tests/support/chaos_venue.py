"""A venue that answers the truth, late and in any order, or not at all; it keeps what is true."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from polymm.domain.order import (
    Accepted,
    Action,
    Cancel,
    Cancelled,
    CancelRefused,
    Fill,
    Merge,
    Merged,
    Place,
    Rejected,
    Reply,
    Side,
    Token,
)


@dataclass(slots=True)
class TrueOrder:
    """An order as the venue knows it: on its way, live or over."""

    place: Place
    arrived: bool = False
    over: bool = False
    filled_e6: int = 0

    @property
    def remaining_e6(self) -> int:
        return 0 if self.over else self.place.size_e6 - self.filled_e6


class ChaosVenue:
    """Actions wait until `work` picks one; replies wait until `deliver` picks one.

    A cancel may overtake its order, fills may overtake the acceptance, a proof may overtake the
    fills it reports. Only a rejection is alone: it never follows a sign of life.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.faults = True
        self.orders: dict[int, TrueOrder] = {}
        self.requests: list[Action] = []
        self.replies: list[Reply] = []
        self.cancels: Counter[int] = Counter()
        self.shares = {Token.UP: 0, Token.DOWN: 0}
        self.merging_e6 = 0
        self.cash_e10 = 0
        self._trades = 0

    def take(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Place):
                self.orders[action.order_id] = TrueOrder(action)
            elif isinstance(action, Cancel):
                self.cancels[action.order_id] += 1
            else:
                self.merging_e6 += action.pairs_e6
            self.requests.append(action)

    @property
    def live(self) -> list[TrueOrder]:
        """All that may still fill, those on their way included."""
        return [order for order in self.orders.values() if order.remaining_e6]

    def work(self) -> None:
        """Let one request arrive."""
        if not self.requests:
            return
        request = self.requests.pop(self.rng.randrange(len(self.requests)))
        match request:
            case Place():
                self._arrive(self.orders[request.order_id])
            case Cancel():
                self._cancel(self.orders[request.order_id])
            case Merge():
                self.merging_e6 -= request.pairs_e6
                for token in Token:
                    self.shares[token] -= request.pairs_e6
                    assert self.shares[token] >= 0, "merged more than was held"
                self.cash_e10 += request.pairs_e6 * 10_000
                self.replies.append(Merged(request.slug, request.pairs_e6))

    def trade(self, now_ns: int) -> None:
        """Fill a random live order, in part or whole."""
        resting = [order for order in self.live if order.arrived]
        if not resting:
            return
        order = self.rng.choice(resting)
        place = order.place
        size_e6 = self.rng.choice((order.remaining_e6, self.rng.randint(1, order.remaining_e6)))
        order.filled_e6 += size_e6
        order.over = order.filled_e6 == place.size_e6
        sign = 1 if place.side is Side.BUY else -1
        self.shares[place.token] += sign * size_e6
        assert self.shares[place.token] >= 0, "sold more than was held"
        self.cash_e10 -= sign * size_e6 * place.price_e4
        self._trades += 1
        fill = Fill(
            self._trades,
            place.order_id,
            place.slug,
            place.token,
            place.side,
            place.price_e4,
            size_e6,
            0,
            now_ns,
        )
        self.replies += [fill] * (2 if self.faults and self.rng.random() < 0.1 else 1)

    def deliver(self) -> Reply | None:
        """One reply, any of those that wait."""
        if not self.replies:
            return None
        return self.replies.pop(self.rng.randrange(len(self.replies)))

    def _arrive(self, order: TrueOrder) -> None:
        if self.faults and self.rng.random() < 0.1:
            order.over = True
            self.replies.append(Rejected(order.place.order_id, "post_only_crosses"))
            return
        order.arrived = True
        self.replies.append(Accepted(order.place.order_id))

    def _cancel(self, order: TrueOrder) -> None:
        order_id = order.place.order_id
        fate = self.rng.random() if self.faults else 1.0
        if fate < 0.1:
            return  # lost
        if fate < 0.2:
            self.replies.append(CancelRefused(order_id, "unavailable"))
        elif order.over:
            reason = "matched" if order.filled_e6 == order.place.size_e6 else "unknown"
            self.replies.append(CancelRefused(order_id, reason))
        elif not order.arrived:
            self.replies.append(CancelRefused(order_id, "unknown"))
        else:
            order.over = True
            self.replies.append(Cancelled(order_id, order.filled_e6))
