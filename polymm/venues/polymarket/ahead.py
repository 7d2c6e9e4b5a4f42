"""Orders signed before they are wanted, so that the path from a decision to its bytes has no
signature on it.

A quote moves by a tick or two. While an order travels, its neighbours are signed, one a turn of
the loop; the next requote then finds its order ready. Nothing of it leaves before it is asked for,
each is used once or dropped, and one that is too old is signed anew: how old a time stamp may be
is the venue's secret, so this is off until somebody turns it on.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

READY_MAX: Final = 64
"""Orders kept ready; the oldest goes first."""

Key = TypeVar("Key", bound=Hashable)


class Ready(NamedTuple):
    """A signed order that nobody has sent.

    Args:
        order_id: Its hash.
        body: The object that is posted.
        signed_ns: When it was signed, by the gateway's clock.
    """

    order_id: str
    body: bytes
    signed_ns: int


class SignedAhead(Generic[Key]):
    """Keeps orders ready by what they are.

    Args:
        sign: Makes one, now.
        age_ns_max: One that was signed longer ago is not used.

    Attributes:
        hits, misses: How often a wanted order was ready.
    """

    __slots__ = ("_age_ns_max", "_ready", "_sign", "_wanted", "hits", "misses")

    def __init__(self, sign: Callable[[Key], Ready], age_ns_max: int) -> None:
        self.hits = 0
        self.misses = 0
        self._sign = sign
        self._age_ns_max = age_ns_max
        self._ready: dict[Key, Ready] = {}
        self._wanted: dict[Key, None] = {}

    def __len__(self) -> int:
        return len(self._ready)

    def take(self, key: Key, now_ns: int) -> Ready | None:
        """Give an order that is ready and fresh, once; None where there is none."""
        found = self._ready.pop(key, None)
        if found is None or now_ns - found.signed_ns > self._age_ns_max:
            self.misses += 1
            return None
        self.hits += 1
        return found

    def want(self, keys: Iterable[Key], now_ns: int) -> bool:
        """Note what may be wanted next, in that order; whether there is something to sign."""
        self._wanted.clear()
        for key in keys:
            found = self._ready.get(key)
            # Half its life must be left, or it would be too old when it is asked for.
            if found is None or 2 * (now_ns - found.signed_ns) > self._age_ns_max:
                self._wanted[key] = None
        return bool(self._wanted)

    def work(self) -> bool:
        """Sign one; whether there is more to sign."""
        for key in self._wanted:
            del self._wanted[key]
            self._ready.pop(key, None)
            self._ready[key] = self._sign(key)
            if len(self._ready) > READY_MAX:
                del self._ready[next(iter(self._ready))]
            break
        return bool(self._wanted)

    def forget(self, is_gone: Callable[[Key], bool]) -> None:
        """Drop the orders of which this is true."""
        for key in [key for key in self._ready if is_gone(key)]:
            del self._ready[key]
        for key in [key for key in self._wanted if is_gone(key)]:
            del self._wanted[key]
