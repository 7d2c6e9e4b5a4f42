"""What slows or stops order entry by counting alone, whatever the strategy and the books say."""

from collections import deque
from typing import Final

from polymm.engine.proving import Backoff
from polymm.engine.settings import SECOND

MINUTE: Final = 60 * SECOND


class OrderRate:
    """Counts the orders that passed, over the last second and the last minute.

    Args:
        a_second_max, a_minute_max: So many may pass.
    """

    __slots__ = ("_minute_ns", "_second_ns")

    def __init__(self, a_second_max: int, a_minute_max: int) -> None:
        self._second_ns: deque[int] = deque(maxlen=a_second_max)
        self._minute_ns: deque[int] = deque(maxlen=a_minute_max)

    def refusal(self, now_ns: int) -> str:
        """Say which of the two is used up, "" for none."""
        second_ns, minute_ns = self._second_ns, self._minute_ns
        if len(second_ns) == second_ns.maxlen and now_ns - second_ns[0] < SECOND:
            return "order_rate"
        if len(minute_ns) == minute_ns.maxlen and now_ns - minute_ns[0] < MINUTE:
            return "order_rate_minute"
        return ""

    def passed(self, now_ns: int) -> None:
        """Count one."""
        self._second_ns.append(now_ns)
        self._minute_ns.append(now_ns)


class Rests:
    """Makes a side rest that was refused too often, longer each time it goes on.

    So many refusals are too many within a second, whatever came between them; and in a row,
    whatever their spacing, where each further one makes it rest again.

    Args:
        most: Refusals that are one too many.
        rest_ns_max: Rests double from a second up to this.
    """

    __slots__ = ("_in_row", "_most", "_rest_ns", "_rest_ns_max", "_times_ns", "_until_ns")

    def __init__(self, most: int, rest_ns_max: int) -> None:
        self._most = most
        self._in_row = 0
        self._times_ns: deque[int] = deque(maxlen=most)
        self._rest_ns_max = rest_ns_max
        self._rest_ns = min(SECOND, rest_ns_max)
        self._until_ns = 0

    def is_resting(self, now_ns: int) -> bool:
        """Whether nothing may go out yet."""
        return now_ns < self._until_ns

    def refused(self, now_ns: int) -> None:
        """Count a refusal by the venue, but for one of an order that was out before the rest."""
        if self.is_resting(now_ns):
            return
        self._in_row += 1
        self._times_ns.append(now_ns)
        if self._in_row >= self._most or _is_full(self._times_ns, now_ns - SECOND):
            self._times_ns.clear()
            self._until_ns = now_ns + self._rest_ns
            self._rest_ns = min(2 * self._rest_ns, self._rest_ns_max)

    def accepted(self) -> None:
        """Begin anew with the shortest rest."""
        self._in_row = 0
        self._rest_ns = min(SECOND, self._rest_ns_max)


class Grid:
    """Keeps a market back whose book does not know the venue's tick, longer each time.

    A price that the venue refused is off its grid. While it is on the book's, the book has another
    tick than the venue: whatever is priced by it would be refused too.

    Args:
        first_ns, longest_ns: After so long it is tried again, no tick having been told.
    """

    __slots__ = ("_backoff", "_price_e4", "_until_ns")

    def __init__(self, first_ns: int, longest_ns: int) -> None:
        self._backoff = Backoff(first_ns, longest_ns)
        self._price_e4 = self._until_ns = 0

    def refused(self, now_ns: int, price_e4: int) -> None:
        """Take a refusal of a price, but for one of an order that was out before."""
        if now_ns >= self._until_ns:
            self._price_e4 = price_e4
            self._until_ns = self._backoff.fail(now_ns)

    def is_old(self, now_ns: int, tick_e4: int) -> bool:
        """Whether the book's tick is the one that the venue refused."""
        return now_ns < self._until_ns and self._price_e4 % tick_e4 == 0


class Burst:
    """Tells when something happened too often within a time.

    Args:
        most: So often is too often.
        window_ns: Within this.
    """

    __slots__ = ("_times_ns", "_window_ns")

    def __init__(self, most: int, window_ns: int) -> None:
        self._times_ns: deque[int] = deque(maxlen=most)
        self._window_ns = window_ns

    def happened(self, now_ns: int) -> bool:
        """Count one; whether that was too often."""
        self._times_ns.append(now_ns)
        return _is_full(self._times_ns, now_ns - self._window_ns)


class Slowness:
    """Whether more than 5 of the last 100 answers took too long; of fewer, more than one.

    Args:
        most_ns: Longer is too long.
    """

    __slots__ = ("_most_ns", "_slow")

    def __init__(self, most_ns: int) -> None:
        self._most_ns = most_ns
        self._slow: deque[bool] = deque(maxlen=100)

    def answered(self, took_ns: int) -> bool:
        """Count an answer; whether there are too many slow ones, which are then forgotten."""
        self._slow.append(took_ns > self._most_ns)
        if sum(self._slow) <= max(1, len(self._slow) // 20):
            return False
        self._slow.clear()
        return True


def _is_full(times_ns: deque[int], after_ns: int) -> bool:
    """Whether as many as fit lie after a time."""
    return len(times_ns) == times_ns.maxlen and times_ns[0] > after_ns
