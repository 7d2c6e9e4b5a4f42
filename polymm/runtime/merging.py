"""Confirmed pairs turned into cash: tried again only where nothing was done."""

import asyncio
from collections import Counter
from typing import Final

from polymm.domain.market import Market
from polymm.engine import evidence as ev
from polymm.runtime.ports import Settler
from polymm.venues.polymarket.results import SettleState

TRIES: Final = 3
RETRY_S: Final = 1.0


async def merged(
    settler: Settler, market: Market, pairs_e6: int, counts: Counter[str]
) -> ev.Merged | ev.MergeFailed:
    """Merge pairs of a market, and say what came of it.

    Args:
        counts: Why it was not done, by name.
    """
    for attempt in range(1, TRIES + 1):
        result = await settler.merge(market, pairs_e6)
        if result.state is SettleState.SETTLED:
            return ev.Merged(market.condition_id, pairs_e6)
        counts[f"merge_{result.reason}"] += 1
        if not result.may_retry:
            break
        if attempt < TRIES:
            await asyncio.sleep(RETRY_S)
    return ev.MergeFailed(market.condition_id, pairs_e6, result.reason)
