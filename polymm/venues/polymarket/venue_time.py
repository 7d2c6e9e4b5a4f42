"""How late a feed is, by the stamps that the venue itself has put on what it tells.

When bytes came says nothing of how old they are: a socket that is late by five seconds tells as
steadily as any other (FAILURES 1, 12). So stamps are held against the venue's clock, which is asked
for over REST, and against the promptest messages of the last minutes.
"""

from typing import Final

import orjson

from polymm.venues.polymarket.skew import ClockSkew

_MS: Final = 1_000_000
_SECOND: Final = 1_000 * _MS
# Known so well, or asked so often in a row, the clock is left alone for a while.
FINE_NS: Final = 100 * _MS
ASKS_MAX: Final = 8
# A look at the clock that is away for longer is none: the loop stood still, or the clock was set.
AWAY_NS: Final = _SECOND
FLOOR_NS: Final = 60 * _SECOND
_NEVER: Final = 2**63 - 1


class VenueTime:
    """Where the venue's clock stands by ours, and how late messages are.

    Its answers are whole seconds. Each question is timed for the moment at which the venue's second
    should turn, so that the answer halves what is not known.

    Args:
        period_ns: How often it is asked for, once it is known well.
        lag_ns_max: A message that is later has to wait for a better one.
    """

    __slots__ = (
        "_asks",
        "_floor_ns",
        "_floor_until_ns",
        "_is_asked",
        "_lag_ns_max",
        "_last_floor_ns",
        "_looked_ns",
        "_next_ns",
        "_period_ns",
        "skew",
    )

    def __init__(self, period_ns: int, lag_ns_max: int) -> None:
        self.skew = ClockSkew()
        self._period_ns = period_ns
        self._lag_ns_max = lag_ns_max
        self._is_asked = False
        self._asks = 0
        self._next_ns = self._looked_ns = 0
        # Least time from stamp to receipt, of this minute and of the one before.
        self._floor_ns = self._last_floor_ns = _NEVER
        self._floor_until_ns = 0

    @property
    def is_known(self) -> bool:
        """Whether the venue has ever answered."""
        return self.skew.samples > 0

    def ours_ns(self, stamp_ms: int) -> int:
        """What our clock showed at a moment of the venue's."""
        return stamp_ms * _MS - self.skew.offset_ns

    # Asking

    def due(self, now_ns: int) -> bool:
        """Whether to ask now; then an answer is awaited. To be called some times a second."""
        if now_ns - self._looked_ns > AWAY_NS:
            self._asks, self._next_ns = 0, now_ns
        self._looked_ns = now_ns
        if self._is_asked or now_ns < self._next_ns:
            return False
        self._is_asked = True
        return True

    def take(self, status: int, body: bytes, asked_ns: int, answered_ns: int) -> None:
        """Take an answer, or that there is none."""
        self._is_asked = False
        server_s = _seconds(body) if status == 200 else 0
        if not server_s:
            self._next_ns = answered_ns + _SECOND
            return
        skew = self.skew
        skew.sampled(server_s, asked_ns=asked_ns, answered_ns=answered_ns)
        self._asks += 1
        if self._asks >= ASKS_MAX or skew.high_ns - skew.low_ns <= FINE_NS:
            self._asks, self._next_ns = 0, answered_ns + self._period_ns
            return
        middle_ns = (skew.low_ns + skew.high_ns - (answered_ns - asked_ns)) // 2
        self._next_ns = answered_ns + -(answered_ns + middle_ns) % _SECOND

    # Lateness

    def is_late(self, stamp_ms: int, recv_ns: int) -> bool:
        """Whether a message was late for certain: by the clock, or beside the promptest ones."""
        raw_ns = recv_ns - stamp_ms * _MS
        if recv_ns >= self._floor_until_ns:
            self._last_floor_ns, self._floor_ns = self._floor_ns, _NEVER
            self._floor_until_ns = recv_ns + FLOOR_NS
        if raw_ns < self._floor_ns:
            self._floor_ns = raw_ns
        least_ns = raw_ns - min(self._floor_ns, self._last_floor_ns)
        if self.is_known:
            least_ns = max(least_ns, raw_ns + self.skew.low_ns)
        return least_ns > self._lag_ns_max


def _seconds(body: bytes) -> int:
    """Unix seconds of an answer, bare or in an object (rest notes); 0 where there are none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 0
    if isinstance(value, dict):
        value = value.get("time", value.get("timestamp"))
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    return value if type(value) is int and 0 < value < 10**10 else 0
