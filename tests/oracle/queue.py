"""Slow, obvious twin of polymm._core.queue: exact fractions where the kernel uses doubles."""

from fractions import Fraction


def risk_averse(front, back, chg, size):
    return min(front, size)


def prob(front, back, chg, size, n=3):
    if back == 0:
        behind = Fraction(0)
    else:
        behind = Fraction(back) ** n / (Fraction(back) ** n + Fraction(front) ** n)
    after = front - (1 - behind) * chg + min(back - behind * chg, 0)
    return min(max(after, 0), size)


class QueuePosition:
    """Front and back in the open; what still waits for its other half in two plain lists."""

    def __init__(self, size_e6, model="risk_averse", *, n=3, window_ns=1_000_000_000):
        self.model, self.n, self.window_ns = model, n, window_ns
        self.front = Fraction(size_e6)
        self.shown = size_e6
        self.displayed = size_e6
        self.drops = []  # [time, size]
        self.trades = []

    def settle(self, now_ns):
        while self.drops and now_ns - self.drops[0][0] >= self.window_ns:
            _, chg = self.drops.pop(0)
            back = max(self.shown - self.front, 0)
            after = max(self.shown - chg, 0)
            if self.model == "prob":
                self.front = prob(self.front, back, chg, after, self.n)
            else:
                self.front = risk_averse(self.front, back, chg, after)
            self.shown -= chg
        while self.trades and now_ns - self.trades[0][0] >= self.window_ns:
            self.shown += self.trades.pop(0)[1]

    @staticmethod
    def _match(waiting, size):
        while waiting and size:
            both = min(waiting[0][1], size)
            size -= both
            waiting[0][1] -= both
            if waiting[0][1] == 0:
                waiting.pop(0)
        return size

    def on_size(self, now_ns, size_e6):
        self.settle(now_ns)
        chg = self.displayed - size_e6
        self.displayed = size_e6
        if chg < 0:
            self.shown += -chg
            return
        chg = self._match(self.trades, chg)
        if chg:
            self.drops.append([now_ns, chg])

    def on_trade(self, now_ns, size_e6):
        self.settle(now_ns)
        reached = max(size_e6 - self.front, 0)
        self.front = max(self.front - size_e6, 0)
        self.shown -= size_e6
        left = self._match(self.drops, size_e6)
        if left:
            self.trades.append([now_ns, left])
        return int(reached)
