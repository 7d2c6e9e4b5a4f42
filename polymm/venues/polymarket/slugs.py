"""Windows by arithmetic: a slug names coin, length and start, so the next market is known by name.

markets-5m notes section 1, and issue 3 for windows below a minute. Nothing here asks the clock.
"""

import re
from dataclasses import dataclass

from polymm.domain.market import NS
from polymm.errors import InputError
from polymm.venues.polymarket import wire

MINUTE_S = 60
LENGTH_S_MAX = 86_400
START_S_MAX = 10**11

_COIN = re.compile(r"[a-z0-9]{2,12}")
_SLUG = re.compile(wire.SLUG.format(coin=r"(\w+)", length=r"(\d{1,4}[sm])", start=r"(\d{1,11})"))


@dataclass(frozen=True, slots=True)
class Window:
    """One Up/Down window of one coin.

    Args:
        coin: Small letters and digits, such as ``btc``.
        length_s: A whole number of minutes, or below a minute; at most a day.
        start_s: Unix seconds, a multiple of the length.

    Raises:
        InputError: One of them is not so.
    """

    coin: str
    length_s: int
    start_s: int

    def __post_init__(self) -> None:
        if not _COIN.fullmatch(self.coin):
            raise InputError(f"a coin must be 2..12 small letters, was {self.coin[:40]!r}")
        length_label(self.length_s)
        if not 0 <= self.start_s <= START_S_MAX or self.start_s % self.length_s:
            raise InputError(
                f"a window must start at a multiple of its {self.length_s} s,"
                f" started at {self.start_s}"
            )

    @property
    def slug(self) -> str:
        """The venue's name for it."""
        length = length_label(self.length_s)
        return wire.SLUG.format(coin=self.coin, length=length, start=self.start_s)

    @property
    def start_ns(self) -> int:
        """When the price to beat is taken, ns since the epoch."""
        return self.start_s * NS

    @property
    def end_ns(self) -> int:
        """When the final price is taken."""
        return (self.start_s + self.length_s) * NS

    def later(self, count: int = 1) -> "Window":
        """The window ``count`` lengths later."""
        return Window(self.coin, self.length_s, self.start_s + count * self.length_s)


def length_label(length_s: int) -> str:
    """Write a length as slugs do: ``5m``, or ``6s`` below a minute.

    Raises:
        InputError: Neither whole minutes nor below one, or more than a day.
    """
    if 0 < length_s < MINUTE_S:
        return f"{length_s}s"
    if length_s % MINUTE_S or not 0 < length_s <= LENGTH_S_MAX:
        raise InputError(
            f"a window's length must be 1..59 s or whole minutes up to a day, was {length_s} s"
        )
    return f"{length_s // MINUTE_S}m"


def parse_slug(slug: str) -> Window:
    """Read a window's slug.

    Raises:
        InputError: Not the slug of a window, or not as the venue would write it.
    """
    match = _SLUG.fullmatch(slug)
    if match:
        number, unit = int(match[2][:-1]), match[2][-1]
        window = Window(match[1], number * (MINUTE_S if unit == "m" else 1), int(match[3]))
        if window.slug == slug:
            return window
    raise InputError(
        f"a slug must be like {Window('btc', 300, 1_776_323_400).slug}, was {slug[:80]!r}"
    )


def window_at(coin: str, length_s: int, now_ns: int) -> Window:
    """Find the window that is open at a time."""
    length_label(length_s)
    now_s = now_ns // NS
    return Window(coin, length_s, now_s - now_s % length_s)


def next_windows(coin: str, length_s: int, now_ns: int, count: int) -> tuple[Window, ...]:
    """Find the open window and the ``count`` after it."""
    first = window_at(coin, length_s, now_ns)
    return tuple(first.later(later) for later in range(count + 1))
