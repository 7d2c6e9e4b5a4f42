"""Where one of our orders stands in its queue, from public sizes and trades alone.

A tape does not say which of the shares that left a price stood ahead of us. Trades take from the
front; for any other drop a model decides (STRATEGY.md 4.4): ``risk_averse`` takes all it can from
behind us, ``prob`` splits by the sizes ahead and behind. Book and trade of one match come in
either order, so each change waits a window for its other half before a model may judge it (4.5).
"""

from libc.math cimport floor, pow
from libc.stdint cimport int64_t

MODELS = {"risk_averse": RISK_AVERSE, "prob": PROB}
WINDOW_NS = 1_000_000_000


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

    Source: STRATEGY.md 4.4, ``min(front, size)``.
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

    Source: STRATEGY.md 4.4.
    """
    return prob_c(front, back, chg, size, n)


cdef class QueuePosition:
    """The queue ahead of one resting order.

    The displayed size never contains the order itself: it is not on the tape.

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
        self.model = MODELS[model]
        self.n = n
        self.window_ns = window_ns
        self.front = <double>size_e6
        self.shown_e6 = size_e6
        self.size_e6 = size_e6
        self.count = 0
        self.waiting_trades = 0

    @property
    def front_e6(self) -> float:
        """Shares ahead, 1e-6 shares; ``prob`` makes fractions."""
        return self.front

    @property
    def displayed_e6(self) -> int:
        """Displayed size of the last update, 1e-6 shares."""
        return self.size_e6

    cdef void drop_c(self, int64_t chg_e6) noexcept nogil:
        cdef double back = <double>self.shown_e6 - self.front
        cdef double after = <double>(self.shown_e6 - chg_e6)
        if after < 0.0:
            after = 0.0
        if back < 0.0:
            back = 0.0
        if self.model == PROB:
            self.front = prob_c(self.front, back, <double>chg_e6, after, self.n)
        else:
            self.front = risk_averse_c(self.front, back, <double>chg_e6, after)
        self.shown_e6 -= chg_e6

    cdef void forget_oldest(self) noexcept nogil:
        cdef int64_t size_e6 = self.waiting[0].size_e6
        cdef int i
        self.count -= 1
        for i in range(self.count):
            self.waiting[i] = self.waiting[i + 1]
        if self.waiting_trades:
            # The size never dropped: as much joined behind us as was traded.
            self.shown_e6 += size_e6
        else:
            self.drop_c(size_e6)

    cdef void wait_c(self, int64_t now_ns, int64_t size_e6, int trades) noexcept nogil:
        if self.count == UNMATCHED_MAX:
            self.forget_oldest()
        self.waiting_trades = trades
        self.waiting[self.count].since_ns = now_ns
        self.waiting[self.count].size_e6 = size_e6
        self.count += 1

    cdef int64_t match_c(self, int64_t size_e6, int trades) noexcept nogil:
        """Take waiting changes of the given kind off size_e6, oldest first; answer what is left."""
        cdef int done = 0
        cdef int i
        if not self.count or self.waiting_trades != trades:
            return size_e6
        while done < self.count and size_e6 > 0:
            if self.waiting[done].size_e6 > size_e6:
                self.waiting[done].size_e6 -= size_e6
                size_e6 = 0
            else:
                size_e6 -= self.waiting[done].size_e6
                done += 1
        self.count -= done
        for i in range(self.count):
            self.waiting[i] = self.waiting[i + done]
        return size_e6

    cdef void settle_c(self, int64_t now_ns) noexcept nogil:
        while self.count and now_ns - self.waiting[0].since_ns >= self.window_ns:
            self.forget_oldest()

    def on_size(self, int64_t now_ns, int64_t size_e6) -> None:
        """Take in the displayed size at our price, 1e-6 shares."""
        cdef int64_t chg_e6 = self.size_e6 - size_e6
        self.settle_c(now_ns)
        self.size_e6 = size_e6
        if chg_e6 < 0:
            self.shown_e6 -= chg_e6
            return
        chg_e6 = self.match_c(chg_e6, 1)
        if chg_e6:
            self.wait_c(now_ns, chg_e6, 0)

    def on_trade(self, int64_t now_ns, int64_t size_e6) -> int:
        """Take in a trade that hit our price; answer how much of it reached us, 1e-6 shares.

        The caller fills the order with at most this, floored to the lot.
        """
        cdef double reached
        cdef int64_t unmatched_e6
        self.settle_c(now_ns)
        reached = <double>size_e6 - self.front
        self.front -= <double>size_e6
        if self.front < 0.0:
            self.front = 0.0
        self.shown_e6 -= size_e6
        unmatched_e6 = self.match_c(size_e6, 0)
        if unmatched_e6:
            self.wait_c(now_ns, unmatched_e6, 1)
        return <int64_t>floor(reached) if reached > 0.0 else 0

    def on_through(self) -> None:
        """Take in that a trade went through our price: nobody is left ahead of us."""
        self.front = 0.0

    def settle(self, int64_t now_ns) -> None:
        """Let the model judge every drop whose window has passed."""
        self.settle_c(now_ns)
