"""Which of the shares bought are on the chain: only those can be merged (user-ws notes 3)."""

from polymm.domain.order import Fill, Side, Token
from polymm.venues.polymarket.user_events import TradeStatus

_ON_CHAIN = (TradeStatus.MINED, TradeStatus.CONFIRMED)

Key = tuple[str, str]


class SettledShares:
    """Shares of one market by what is proven of them, from fills and their statuses."""

    __slots__ = ("_pending", "_settled_e6")

    def __init__(self) -> None:
        self._settled_e6 = [0, 0]
        self._pending: dict[Key, tuple[Token, int]] = {}

    @property
    def pairs_e6(self) -> int:
        """Pairs that can be merged now, 1e-6 shares."""
        return max(min(self._settled_e6), 0)

    @property
    def is_all(self) -> bool:
        """Whether every fill is on the chain or has failed."""
        return not self._pending

    def book(self, key: Key, fill: Fill) -> None:
        """Take a fill in; what it sells is gone at once, what it buys is not there yet."""
        sign = 1 if fill.side is Side.BUY else -1
        if sign < 0:
            self._settled_e6[fill.token] -= fill.size_e6
        self._pending[key] = (fill.token, fill.size_e6 if sign > 0 else 0)

    def tell(self, key: Key, status: TradeStatus) -> None:
        """Take a fill's status."""
        if status in _ON_CHAIN and key in self._pending:
            token, size_e6 = self._pending.pop(key)
            self._settled_e6[token] += size_e6
        elif status is TradeStatus.FAILED:
            self._pending.pop(key, None)

    def merge(self, pairs_e6: int) -> None:
        """Take pairs away that became cash."""
        for token in Token:
            self._settled_e6[token] -= pairs_e6
