"""Reasons that shut something, each on its own, with the time at which some of them end."""

from polymm.engine.events import NEVER_NS


class Closings:
    """What stands against one market, or against all of them.

    Attributes:
        since_ns: By reason, when it first stood.
        next_timer_ns: When the first of them ends by itself.
    """

    __slots__ = ("_until_ns", "next_timer_ns", "since_ns")

    def __init__(self) -> None:
        self.since_ns: dict[str, int] = {}
        self.next_timer_ns = NEVER_NS
        self._until_ns: dict[str, int] = {}

    def put(self, now_ns: int, reason: str, until_ns: int = NEVER_NS) -> bool:
        """Let a reason stand until then or until it is lifted; whether it is new.

        One that stands already lasts as long as the longer of the two asks for.
        """
        is_new = reason not in self.since_ns
        if is_new:
            self.since_ns[reason] = now_ns
        self._until_ns[reason] = max(until_ns, self._until_ns.get(reason, 0))
        self.next_timer_ns = min(self._until_ns.values())
        return is_new

    def lift(self, reason: str) -> bool:
        """Take a reason away; whether it stood."""
        if self.since_ns.pop(reason, None) is None:
            return False
        del self._until_ns[reason]
        self.next_timer_ns = min(self._until_ns.values(), default=NEVER_NS)
        return True

    def tick(self, now_ns: int) -> None:
        """End what ends by now."""
        if now_ns >= self.next_timer_ns:
            for reason in [name for name, end in self._until_ns.items() if now_ns >= end]:
                self.lift(reason)
