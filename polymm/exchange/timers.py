"""What shall happen later, by venue time: the exchange's only clock is the time it is handed."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Timers:
    """Acts in the order of their time; those of one moment in the order they were asked for."""

    __slots__ = ("_heap", "_order", "now_ns")

    def __init__(self) -> None:
        self.now_ns = 0
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = count()

    def at(self, ns: int, act: Callable[[int], None]) -> None:
        """Call ``act`` with its time once that has come; a past time counts as now."""
        heappush(self._heap, (max(ns, self.now_ns), next(self._order), act))

    @property
    def next_ns(self) -> int | None:
        """When the next act is due, None if nothing waits."""
        return self._heap[0][0] if self._heap else None

    def advance(self, now_ns: int) -> int:
        """Run all that is due, each at its own time; time never runs back.

        Returns:
            The time it is now.
        """
        heap = self._heap
        while heap and heap[0][0] <= now_ns:
            ns, _, act = heappop(heap)
            self.now_ns = ns
            act(ns)
        self.now_ns = max(self.now_ns, now_ns)
        return self.now_ns
