"""Slow, obvious twin of polymm._core.queue: the formulas as written, every change ever kept."""


def risk_averse(front, back, chg, size):
    return min(front, size)


def prob(front, back, chg, size, n=3):
    behind = back**n / (back**n + front**n) if back else 0.0
    after = front - (1 - behind) * chg + min(back - behind * chg, 0)
    return min(max(after, 0), size)


class QueuePosition:
    """Every change ever, replayed from the start whenever anything is asked."""

    def __init__(self, size_e6, model="risk_averse", *, n=3, window_ns=1_000_000_000):
        self.model, self.n, self.window_ns = model, n, window_ns
        self.size = self.displayed = size_e6
        self.changes = []  # dicts: time, joined, traded, dropped, awaited
        self.now_ns = 0

    def _is_young(self, change):
        return self.now_ns - change["time"] < self.window_ns

    def _add(self, **what):
        empty = dict.fromkeys(("joined", "traded", "dropped", "awaited"), 0)
        self.changes.append(empty | {"time": self.now_ns} | what)

    def _replay(self):
        front, shown, reached = float(self.size), self.size, 0.0
        for change in self.changes:
            shown += change["joined"]
            reached += max(change["traded"] - front, 0)
            front = max(front - change["traded"], 0)
            shown -= change["traded"]
            if change["dropped"]:
                back = max(shown - front, 0)
                shown -= change["dropped"]
                after = max(shown, 0)
                if self.model == "prob":
                    front = prob(front, back, change["dropped"], after, self.n)
                else:
                    front = risk_averse(front, back, change["dropped"], after)
            if not self._is_young(change):
                shown += change["awaited"]
        return front, reached

    @property
    def front_e6(self):
        return self._replay()[0]

    def settle(self, now_ns):
        self.now_ns = now_ns

    def on_size(self, now_ns, size_e6):
        chg = self.displayed - size_e6
        if not chg:
            return
        self.now_ns = now_ns
        self.displayed = size_e6
        if chg < 0:
            self._add(joined=-chg)
            return
        for change in filter(self._is_young, self.changes):
            explained = min(chg, change["awaited"])
            change["awaited"] -= explained
            chg -= explained
        if chg:
            self._add(dropped=chg)

    def on_trade(self, now_ns, size_e6):
        self.now_ns = now_ns
        before = self._replay()[1]
        for change in reversed(self.changes):
            if self._is_young(change):
                explained = min(size_e6, change["dropped"])
                change["dropped"] -= explained
                change["traded"] += explained
                size_e6 -= explained
        if size_e6:
            self._add(traded=size_e6, awaited=size_e6)
        return int(self._replay()[1] - before)
