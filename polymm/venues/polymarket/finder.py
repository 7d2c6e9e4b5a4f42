"""The next windows: named by arithmetic, read from Gamma and the CLOB, joined, ready ahead."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polymm.venues.polymarket import wire
from polymm.venues.polymarket.catalog import CatalogEntry
from polymm.venues.polymarket.reading import Read
from polymm.venues.polymarket.slugs import Window

OnFound = Callable[[Window, CatalogEntry], None]
# Window, and why it will not be quoted.
OnRefused = Callable[[Window, str], None]


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


class WindowFinder:
    """Finds each window of some coins once.

    Args:
        coins: As in slugs.
        length_s: Of all windows.
        read_gamma: Asks Gamma.
        read_clob: Asks the CLOB.
        on_found: Called once a window that may be quoted.
        on_refused: Called once a window that is given up, or that contradicts itself.
        clock_ns: Time of day, ns since the epoch.
        taker_delay_ns: See `polymm.venues.polymarket.catalog.join`.

    Attributes:
        counts: What happened, by name.
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
        taker_delay_ns: int = wire.TAKER_DELAY_MS * 1_000_000,
    ) -> None:
        self.counts: Counter[str] = Counter()
        raise NotImplementedError

    async def open(self) -> None:
        """Begin to look; answers at once."""
        raise NotImplementedError

    async def close(self) -> None:
        """Look no more; no callback comes afterwards."""
        raise NotImplementedError
