"""The next windows: named by arithmetic, read from Gamma and the CLOB, joined, ready ahead.

Each window is looked for by a task of its own, so that one that is missing, stale or contradicts
itself holds up no other. A record that may become better is read again until the window is too
old; a window that was found is never looked at again.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from polymm.domain.market import NS
from polymm.errors import MarketError
from polymm.net.pacing import Backoff
from polymm.net.tasks import Background
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.catalog import MS, CatalogEntry, join
from polymm.venues.polymarket.reading import NO_ANSWER, Read
from polymm.venues.polymarket.records import ClobMarket, GammaMarket, read_clob, read_gamma
from polymm.venues.polymarket.slugs import Window, next_windows

OnFound = Callable[[Window, CatalogEntry], None]
# Window, and why it will not be quoted.
OnRefused = Callable[[Window, str], None]

OK: Final = 200
# Never shorter: a clock that stands still must not make a busy loop.
_ROUND_S_MIN: Final = 0.005
_ROUND_S_MAX: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderSettings:
    """Which windows are looked for, and how long.

    Args:
        ahead: Windows after the open one.
        lead_ns: A window is looked for from so long before it opens; None is at once.
        late_ns: A window that could not be found so long after it opened is given up; at most half
            of its length.
        with_open: Whether the window that is open at the start is wanted too.
        backoff_base_ns: Bound of the first wait between two tries.
        backoff_ns_max: Bound of all later ones.
    """

    ahead: int = 2
    lead_ns: int | None = None
    late_ns: int = 30_000_000_000
    with_open: bool = True
    backoff_base_ns: int = 250_000_000
    backoff_ns_max: int = 5_000_000_000


class NotReady(Exception):
    """A window cannot be quoted as its records stand; ``name`` is counted."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


async def read_entry(
    window: Window, read_gamma_path: Read, read_clob_path: Read, *, taker_delay_ns: int
) -> CatalogEntry:
    """Read both records of a window and make one market of them.

    Raises:
        NotReady: A record is missing, not the window's, or says that it takes no orders.
        MarketError: A record cannot be used, or the two contradict each other.
    """
    gamma = await _read_gamma(window, read_gamma_path)
    path = wire.CLOB_MARKET_PATH.format(condition_id=gamma.condition_id)
    clob = await _read_clob(path, read_clob_path)
    entry = join(gamma, clob, taker_delay_ns=taker_delay_ns)
    if entry.obstacles:
        raise NotReady("obstacle", "; ".join(entry.obstacles))
    return entry


async def _read_gamma(window: Window, read: Read) -> GammaMarket:
    body = await _read(read, wire.GAMMA_MARKET_PATH.format(slug=window.slug), "gamma")
    found = read_gamma(body)
    if found.window != window:
        raise NotReady("gamma_other", f"gamma answered {found.window.slug} for {window.slug}")
    return found


async def _read_clob(path: str, read: Read) -> ClobMarket:
    return read_clob(await _read(read, path, "clob"))


async def _read(read: Read, path: str, name: str) -> bytes:
    status, body = await read(path)
    if status == OK:
        return body
    if status == NO_ANSWER:
        raise NotReady(f"{name}_unanswered", f"{name} did not answer: {body[:80]!r}")
    raise NotReady(f"{name}_{status}", f"{name} answered {status}: {body[:80]!r}")


class WindowFinder:
    """Finds each window of some coins once.

    Args:
        coins: As in slugs.
        length_s: Of all windows.
        read_gamma: Asks Gamma.
        read_clob: Asks the CLOB.
        on_found: Called once a window that may be quoted.
        on_refused: Called once a window that is given up, with the last reason.
        rng: Jitter of back-offs.
        clock_ns: Time of day, ns since the epoch.
        taker_delay_ns: See `polymm.venues.polymarket.catalog.join`.

    Attributes:
        counts: What happened, by name: ``found``, ``refused``, and each try's obstacle.
        searching: Windows that are looked for now, with the last reason why they are not found.
    """

    def __init__(
        self,
        coins: Sequence[str],
        length_s: int,
        read_gamma: Read,
        read_clob: Read,
        on_found: OnFound,
        *,
        rng: random.Random,
        on_refused: OnRefused | None = None,
        settings: FinderSettings | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        taker_delay_ns: int = wire.TAKER_DELAY_MS * MS,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.searching: dict[Window, str] = {}
        self.settings = FinderSettings() if settings is None else settings
        self._coins = tuple(coins)
        self._length_s = length_s
        self._read_gamma = read_gamma
        self._read_clob = read_clob
        self._on_found = on_found
        self._rng = rng
        self._on_refused = on_refused
        self._clock_ns = clock_ns
        self._taker_delay_ns = taker_delay_ns
        # By coin, the start of the last window that was begun: those after it are still to come.
        self._begun_s: dict[str, int] = {}
        self._tasks = Background()
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Begin to look; answers at once."""
        assert self._timer is None, "a finder is opened once"
        self._round()

    async def close(self) -> None:
        """Look no more; no callback comes afterwards."""
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.close()

    def due(self, now_ns: int) -> list[Window]:
        """List the windows to begin with now, and note that they are begun."""
        settings = self.settings
        windows = []
        for coin in self._coins:
            for window in next_windows(coin, self._length_s, now_ns, settings.ahead):
                is_first_open = window.start_ns <= now_ns and coin not in self._begun_s
                if window.start_s <= self._begun_s.get(coin, -1):
                    continue
                lead_ns = settings.lead_ns
                if lead_ns is not None and window.start_ns - now_ns > lead_ns:
                    break
                self._begun_s[coin] = window.start_s
                if settings.with_open or not is_first_open:
                    windows.append(window)
        return windows

    def gives_up_ns(self, window: Window, begun_ns: int) -> int:
        """Say until when a window is looked for."""
        late_ns = min(self.settings.late_ns, self._length_s * NS // 2)
        return min(max(window.start_ns, begun_ns) + late_ns, window.end_ns)

    def _round(self) -> None:
        loop = asyncio.get_running_loop()
        now_ns = self._clock_ns()
        for window in self.due(now_ns):
            self.searching[window] = ""
            self._tasks.start(self._find(window), f"find {window.slug}")
        turn_ns = self._length_s * NS - now_ns % (self._length_s * NS)
        wait_s = min(max(turn_ns / 1e9, _ROUND_S_MIN), _ROUND_S_MAX)
        self._timer = loop.call_later(wait_s, self._round)

    async def _find(self, window: Window) -> None:
        """Look for one window until it is found or too old."""
        settings = self.settings
        backoff = Backoff(
            self._rng, base_ns=settings.backoff_base_ns, cap_ns=settings.backoff_ns_max
        )
        until_ns = self.gives_up_ns(window, self._clock_ns())
        while True:
            reason = await self._try(window)
            if not reason:
                break
            self.searching[window] = reason
            wait_ns = backoff.next_ns()
            if self._clock_ns() + wait_ns > until_ns:
                self._refuse(window, reason)
                break
            await asyncio.sleep(wait_ns / 1e9)
        del self.searching[window]

    async def _try(self, window: Window) -> str:
        """Read once; "" when it was found, else why it was not."""
        try:
            entry = await read_entry(
                window, self._read_gamma, self._read_clob, taker_delay_ns=self._taker_delay_ns
            )
        except NotReady as error:
            self.counts[error.name] += 1
            return str(error)
        except MarketError as error:
            for fact in error.facts:
                self.counts[f"bad_{fact.replace(' ', '_')}"] += 1
            return str(error)
        self.counts["found"] += 1
        self._on_found(window, entry)
        return ""

    def _refuse(self, window: Window, reason: str) -> None:
        self.counts["refused"] += 1
        if self._on_refused is not None:
            self._on_refused(window, reason)
