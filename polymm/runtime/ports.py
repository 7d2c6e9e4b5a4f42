"""What the runtime needs of the chain, so that it can be played in tests."""

from typing import Protocol

from polymm.domain.market import Market
from polymm.venues.polymarket.results import SettleResult


class Settler(Protocol):
    """Pairs into dollars, and winning shares into dollars."""

    async def merge(self, market: Market, pairs_e6: int) -> SettleResult: ...

    async def redeem(self, market: Market, *, up_e6: int, down_e6: int) -> SettleResult: ...
