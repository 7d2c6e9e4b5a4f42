"""Where one of our orders stands in its queue, from public sizes and trades alone.

A tape does not say which of the shares that left a price stood ahead of us. Trades take from the
front; for any other drop a model decides (docs/strategy.md 4.4): ``risk_averse`` takes all it can
from behind us, ``prob`` splits by the sizes ahead and behind. Book and trade of one match come in
either order (4.5), so changes stay open for a window and are replayed when their other half comes.
"""

from libc.math cimport floor, pow
from libc.stdint cimport int64_t

MODELS = {"risk_averse": RISK_AVERSE, "prob": PROB}
WINDOW_NS = WINDOW


cdef double risk_averse_c(double front, double back, double chg, double size) noexcept nogil:
    return front if front < size else size


cdef double prob_c(double front, double back, double chg, double size, double n) noexcept nogil:
    cdef double share_behind
    cdef double overdrawn
    cdef double after
    if back <= 0.0:
        share_behind = 0.0
    elif front <= 0.0:
        share_behind = 1.0
    else:
        # back^n / (back^n + front^n) without the overflow of large powers.
        share_behind = 1.0 / (1.0 + pow(front / back, n))
    overdrawn = back - share_behind * chg
    after = front - (1.0 - share_behind) * chg + (overdrawn if overdrawn < 0.0 else 0.0)
    if after < 0.0:
        after = 0.0
    return after if after < size else size


def risk_averse(front: float, back: float, chg: float, size: float) -> float:
    """Answer the shares ahead after an unexplained drop: all of it left from behind us, if it can.

    Args:
        front: Shares ahead before the drop, any unit, >= 0.
        back: Shares behind before the drop (unused: the model does not need them).
        chg: Size of the drop, >= 0.
        size: Displayed size after the drop.

    Source: docs/strategy.md 4.4, ``min(front, size)``.
    """
    return risk_averse_c(front, back, chg, size)


def prob(front: float, back: float, chg: float, size: float, n: float = 3.0) -> float:
    """Answer the shares ahead after an unexplained drop, split by the sizes ahead and behind.

    ``pr = back^n / (back^n + front^n)``, then
    ``max(0, front - (1 - pr) * chg + min(back - pr * chg, 0))``, at most ``size``.

    Args:
        front, back: Shares ahead and behind before the drop, any unit, >= 0.
        chg: Size of the drop, >= 0.
        size: Displayed size after the drop.
        n: Exponent, > 0; larger puts more of the drop on the larger side.

    Source: docs/strategy.md 4.4.
    """
    return prob_c(front, back, chg, size, n)


cdef void apply_change(const Queue* queue, Place* place, const Change* change) noexcept nogil:
    cdef double back, after
    place.shown_e6 += change.joined_e6
    if change.traded_e6:
        place.front -= <double>change.traded_e6
        place.shown_e6 -= change.traded_e6
        if place.front < 0.0:
            place.reached -= place.front
            place.front = 0.0
    if change.dropped_e6:
        back = <double>place.shown_e6 - place.front
        place.shown_e6 -= change.dropped_e6
        # More may have been traded than was shown: others joined and left within the window.
        back = back if back > 0.0 else 0.0
        after = <double>place.shown_e6 if place.shown_e6 > 0 else 0.0
        if queue.model == PROB:
            place.front = prob_c(place.front, back, <double>change.dropped_e6, after, queue.n)
        else:
            place.front = risk_averse_c(place.front, back, <double>change.dropped_e6, after)


cdef inline Change* young_at(Queue* queue, int i) noexcept nogil:
    return &queue.young[(queue.head + i) & (CHANGES_MAX - 1)]


cdef const Place* place_now(Queue* queue) noexcept nogil:
    """Replay the young changes, where one of them became another since the last time."""
    cdef int i
    if queue.is_stale:
        queue.current = queue.settled
        for i in range(queue.count):
            apply_change(queue, &queue.current, young_at(queue, i))
        queue.is_stale = False
    return &queue.current


cdef void settle_oldest(Queue* queue) noexcept nogil:
    """Nothing more can come for the oldest change: make it part of the past."""
    cdef const Change* change = young_at(queue, 0)
    apply_change(queue, &queue.settled, change)
    if change.awaited_e6:
        # A trade that never left the displayed size: as much joined behind us meanwhile.
        queue.settled.shown_e6 += change.awaited_e6
        queue.is_stale = True
    queue.head = (queue.head + 1) & (CHANGES_MAX - 1)
    queue.count -= 1


cdef void settle_young(Queue* queue, int64_t now_ns) noexcept nogil:
    while queue.count and now_ns - young_at(queue, 0).since_ns >= queue.window_ns:
        settle_oldest(queue)


cdef void append_change(
    Queue* queue, int64_t now_ns, int64_t joined_e6, int64_t traded_e6, int64_t dropped_e6
) noexcept nogil:
    cdef Change* change
    if queue.count == CHANGES_MAX:
        settle_oldest(queue)
    change = young_at(queue, queue.count)
    queue.count += 1
    # A trade waits for the drop that shows it.
    change[0] = Change(now_ns, joined_e6, traded_e6, dropped_e6, traded_e6)
    if not queue.is_stale:
        apply_change(queue, &queue.current, change)


cdef void queue_join(
    Queue* queue, int64_t size_e6, int model, double n, int64_t window_ns
) noexcept nogil:
    """Join at the back of the displayed size, all of it ahead."""
    queue.model = model
    queue.n = n
    queue.window_ns = window_ns
    queue.settled = Place(<double>size_e6, 0.0, size_e6)
    queue.current = queue.settled
    queue.size_e6 = size_e6
    queue.head = queue.count = queue.is_stale = 0


cdef void queue_size(Queue* queue, int64_t now_ns, int64_t size_e6) noexcept nogil:
    """See QueuePosition.on_size."""
    cdef int64_t chg_e6 = queue.size_e6 - size_e6
    cdef int64_t explained_e6
    cdef Change* change
    cdef int i
    if not chg_e6:
        return
    settle_young(queue, now_ns)
    queue.size_e6 = size_e6
    if chg_e6 < 0:
        append_change(queue, now_ns, -chg_e6, 0, 0)
        return
    for i in range(queue.count):
        change = young_at(queue, i)
        explained_e6 = min(chg_e6, change.awaited_e6)
        change.awaited_e6 -= explained_e6
        chg_e6 -= explained_e6
    if chg_e6:
        append_change(queue, now_ns, 0, 0, chg_e6)


cdef int64_t queue_trade(Queue* queue, int64_t now_ns, int64_t size_e6) noexcept nogil:
    """See QueuePosition.on_trade."""
    cdef double before
    cdef int64_t explained_e6
    cdef Change* change
    cdef int i
    settle_young(queue, now_ns)
    before = place_now(queue).reached
    # The youngest drops first: book and trade of one match lie milliseconds apart.
    for i in range(queue.count - 1, -1, -1):
        change = young_at(queue, i)
        explained_e6 = min(size_e6, change.dropped_e6)
        if explained_e6:
            change.dropped_e6 -= explained_e6
            change.traded_e6 += explained_e6
            size_e6 -= explained_e6
            queue.is_stale = True
    if size_e6:
        append_change(queue, now_ns, 0, size_e6, 0)
    return <int64_t>floor(place_now(queue).reached - before)


cdef void queue_through(Queue* queue) noexcept nogil:
    """See QueuePosition.on_through."""
    cdef Change* change
    cdef int i
    queue.settled = place_now(queue)[0]
    queue.settled.front = 0.0
    queue.current = queue.settled
    for i in range(queue.count):
        change = young_at(queue, i)
        change.joined_e6 = change.traded_e6 = change.dropped_e6 = 0


cdef class QueuePosition:
    """The queue ahead of one resting order.

    The displayed size never contains the order itself: it is not on the tape. A drop counts by
    the model at once; a trade that comes within the window and explains it turns it into a trade.

    Args:
        size_e6: Displayed size at the order's price when it joins, 1e-6 shares, all of it ahead.
        model: "risk_averse" or "prob".
        n: Exponent of ``prob``.
        window_ns: How long a drop waits for its trade, and a trade for its drop.

    Raises:
        ValueError: Unknown model, n not above 0, or a negative size.
    """

    def __init__(
        self,
        int64_t size_e6,
        str model = "risk_averse",
        *,
        double n = 3.0,
        int64_t window_ns = WINDOW_NS,
    ):
        if model not in MODELS:
            raise ValueError(f"queue model must be risk_averse or prob, was {model!r}")
        if not n > 0.0:
            raise ValueError(f"n must be above 0, was {n}")
        if size_e6 < 0:
            raise ValueError(f"size_e6 must be >= 0, was {size_e6}")
        queue_join(&self.queue, size_e6, MODELS[model], n, window_ns)

    @property
    def front_e6(self) -> float:
        """Shares ahead, 1e-6 shares; ``prob`` makes fractions."""
        return place_now(&self.queue).front

    @property
    def displayed_e6(self) -> int:
        """Displayed size of the last update, 1e-6 shares."""
        return self.queue.size_e6

    def on_size(self, int64_t now_ns, int64_t size_e6) -> None:
        """Take in the displayed size at our price, 1e-6 shares."""
        queue_size(&self.queue, now_ns, size_e6)

    def on_trade(self, int64_t now_ns, int64_t size_e6) -> int:
        """Take in a trade that hit our price; answer how much of it reached us, 1e-6 shares.

        The caller fills the order with at most this, floored to the lot.
        """
        return queue_trade(&self.queue, now_ns, size_e6)

    def on_through(self) -> None:
        """Take in that a trade went through our price: nobody is left ahead of us."""
        queue_through(&self.queue)

    def settle(self, int64_t now_ns) -> None:
        """Let every change whose window has passed become final."""
        settle_young(&self.queue, now_ns)
