"""A run's own orders on the tape of the same run: what was sent, when it arrived, what it got.

The tape is made of what the venue told of everybody, ourselves included. Before our orders are put
to a simulated venue, their size is taken out of the displayed book: it would stand there twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polymm._core.layout import ASK, BID, ROW_ASK, ROW_CHANGE, ROW_LEVEL, ROW_NOTHING, ROW_VENUE
from polymm._core.own_orders import CANCEL, PLACE
from polymm.domain.order import Place

MS: Final = 1_000_000


@dataclass(slots=True, eq=False)
class OwnOrder:
    """One order of a run, by what was sent and told; times are ns, 0 where not known.

    Args:
        number: From 1, in the order in which they were sent.
        order: The venue's hash of it.
        market: Condition id.
        sent_ns: When its bytes were handed over.

    Attributes:
        answered_ns: When the answer to it was received.
        reason: Why it was refused, "" where it was not.
        rested_ns: When it began to rest, by the venue's stamp.
        cancel_sent_ns: When the first cancel that could take it was handed over.
        cancel_answered_ns: When the answer to that was received.
        gone_ns: When it was cancelled, by the venue's stamp.
        replaced_ns: When the run sent its next order on that side of that market.
        fills: (venue time, when we were told, 1e-6 shares) of each that stands.
    """

    number: int
    order: str
    market: str
    place: Place
    sent_ns: int
    answered_ns: int = 0
    reason: str = ""
    rested_ns: int = 0
    cancel_sent_ns: int = 0
    cancel_answered_ns: int = 0
    gone_ns: int = 0
    replaced_ns: int = 0
    fills: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def side(self) -> int:
        """BID or ASK, in Up terms."""
        return BID if self.place.sign > 0 else ASK

    @property
    def filled_e6(self) -> int:
        """What was filled, 1e-6 shares."""
        return sum(size_e6 for _, _, size_e6 in self.fills)

    @property
    def is_filled(self) -> bool:
        """Whether nothing of it was left."""
        return self.filled_e6 >= self.place.size_e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long it takes between us and the venue, ns; each a number or measured ones, (n,) int64.

    Args:
        is_recorded: Where the venue told when an order came or went, that is taken instead.
        seed: Of what is drawn from measured delays.
    """

    order_ns: int | NDArray[np.int64]
    cancel_ns: int | NDArray[np.int64]
    is_recorded: bool = False
    seed: int = 0


class Displayed(NamedTuple):
    """Rows without our own size, and how many showed less than we believed to have there."""

    rows: NDArray[Any]
    short_n: int


# Our orders as the displayed book has them


def without_own(rows: NDArray[Any], orders: Iterable[OwnOrder]) -> Displayed:
    """Take our own resting size out of what a tape displays to the venue's cursor.

    A change of our own and the change of the book that it makes bear the same millisecond. Of
    several changes of a level within it, ours is the one of its size, or else the last.

    Args:
        rows: (n,) layout.TAPE, in venue order.
    """
    found = rows.copy()
    is_level = (rows["kind"] == ROW_CHANGE) | (rows["kind"] == ROW_LEVEL)
    is_level &= rows["flags"] & ROW_VENUE != 0
    sides = np.where(rows["flags"] & ROW_ASK, ASK, BID)
    short_n = 0
    for (side, price_e4), changes in _changes(orders).items():
        at = np.flatnonzero(is_level & (sides == side) & (rows["price_e4"] == price_e4))
        short_n += _take_out(found, at, changes)
    return Displayed(found, short_n)


def _changes(orders: Iterable[OwnOrder]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """What our orders did to each level: (venue ms, 1e-6 shares), in order of time."""
    found: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for order in orders:
        rested_ns = order.rested_ns
        if not rested_ns:
            continue
        level = found[order.side, order.place.up_price_e4]
        level.append((rested_ns // MS, order.place.size_e6))
        level += [(at_ns // MS, -size_e6) for at_ns, _, size_e6 in order.fills]
        left_e6 = order.place.size_e6 - order.filled_e6
        gone_ns = order.gone_ns or order.cancel_answered_ns or order.cancel_sent_ns
        if left_e6 > 0 and gone_ns:
            level.append((gone_ns // MS, -left_e6))
    return {level: sorted(changes) for level, changes in found.items()}


def _take_out(rows: NDArray[Any], at: NDArray[np.int64], changes: Sequence[tuple[int, int]]) -> int:
    """Take our size out of one level's rows; how many of them showed less than that."""
    stamps = (rows["exch_ns"][at] // MS).tolist()
    sizes = rows["size_e6"][at].tolist()
    pending, own_e6, shown_e6, short_n = list(changes), 0, 0, 0
    for i, (row, stamp_ms, size_e6) in enumerate(zip(at.tolist(), stamps, sizes, strict=True)):
        while pending and pending[0][0] < stamp_ms:
            own_e6 += pending.pop(0)[1]
        same = [change for change in pending if change[0] == stamp_ms]
        if same:
            ours = [change for change in same if change[1] == size_e6 - shown_e6][:1]
            if not ours and (i + 1 == len(stamps) or stamps[i + 1] > stamp_ms):
                ours = same
            for change in ours:
                pending.remove(change)
                own_e6 += change[1]
        shown_e6 = size_e6
        short_n += size_e6 < own_e6
        rows["size_e6"][row] = max(size_e6 - max(own_e6, 0), 0)
        if rows["kind"][row] == ROW_LEVEL and not rows["size_e6"][row]:
            rows["kind"][row] = ROW_NOTHING
    return short_n


# Our orders as they arrive


def script_of(orders: Sequence[OwnOrder], delays: Delays) -> NDArray[np.int64]:
    """What arrives of our orders at the venue, as `_core.own_orders.play_orders` takes it.

    An order that was filled whole lived on until its successor on that side was sent: that would
    have taken its place.
    """
    rng = np.random.default_rng(delays.seed)
    order_ns = _drawn(rng, delays.order_ns, len(orders))
    cancel_ns = _drawn(rng, delays.cancel_ns, len(orders))
    acts: list[tuple[int, ...]] = []
    for i, order in enumerate(orders):
        place = order.place
        comes_ns = order.sent_ns + int(order_ns[i])
        if delays.is_recorded and order.rested_ns:
            comes_ns = order.rested_ns
        facts = (int(place.token), int(place.side), place.price_e4, place.size_e6)
        acts.append((comes_ns, PLACE, order.number, *facts))
        goes_ns = _goes_ns(order, int(cancel_ns[i]), is_recorded=delays.is_recorded)
        if goes_ns:
            acts.append((max(goes_ns, comes_ns), CANCEL, order.number, *facts))
    acts.sort(key=lambda act: act[0])
    return np.array(acts, dtype=np.int64).reshape(len(acts), 7)


def _drawn(rng: np.random.Generator, delay: int | NDArray[np.int64], n: int) -> NDArray[np.int64]:
    if isinstance(delay, np.ndarray):
        return rng.choice(delay, n)
    return np.full(n, delay, dtype=np.int64)


def _goes_ns(order: OwnOrder, cancel_ns: int, *, is_recorded: bool) -> int:
    """When a cancel of an order arrives, 0 for never."""
    if order.gone_ns and (is_recorded or not order.cancel_sent_ns):
        return order.gone_ns
    if order.cancel_sent_ns:
        return order.cancel_sent_ns + cancel_ns
    if order.is_filled and order.replaced_ns:
        return order.replaced_ns + cancel_ns
    return 0


# What the delays were


def measured(orders: Iterable[OwnOrder]) -> dict[str, NDArray[np.int64]]:
    """Delays that a run's own orders had: ``order``, ``cancel`` and ``reply``, (n,) ns each.

    The venue stamps whole milliseconds, of which the middle is taken; what differs between its
    clock and ours is in them, and none is below 0.
    """
    found: dict[str, list[int]] = {"order": [], "cancel": [], "reply": []}
    for order in orders:
        if order.rested_ns:
            found["order"].append(order.rested_ns + MS // 2 - order.sent_ns)
            if order.answered_ns:
                found["reply"].append(order.answered_ns - order.rested_ns - MS // 2)
        if order.gone_ns and order.cancel_sent_ns:
            found["cancel"].append(order.gone_ns + MS // 2 - order.cancel_sent_ns)
        found["reply"] += [told_ns - at_ns - MS // 2 for at_ns, told_ns, _ in order.fills]
    return {name: np.maximum(np.array(delays, dtype=np.int64), 0) for name, delays in found.items()}
