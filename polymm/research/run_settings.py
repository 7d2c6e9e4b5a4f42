"""What is run on each tape of a backtest."""

from dataclasses import dataclass, field
from functools import cache
from typing import SupportsIndex

from polymm.engine.settings import MakerSettings
from polymm.exchange.tape import MERGE_DELAY_NS
from polymm.strategy.base import BaseParameters, raise_order_size


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What is run on each tape.

    Args:
        parameters: Of the strategy; an order size below a market's minimum is raised to it.
        maker: Of the cycle.
        quoter: A compiled user quoter or its address; 0 for the base strategy.
        cash_e6: Cash of the account whenever no market is open, 1e-6 dollars; those that are open
            at the same time share it.
        merge_delay_ns: From a merge's arrival to its dollars.
        close_margin_ns: How long before the end everything is pulled; 0 quotes to the end, where
            what rests expires.
        seed: Of delays that are drawn.
    """

    parameters: BaseParameters = field(default_factory=BaseParameters)
    maker: MakerSettings = field(default_factory=MakerSettings)
    quoter: SupportsIndex = 0
    cash_e6: int = 1_000_000_000
    merge_delay_ns: int = MERGE_DELAY_NS
    close_margin_ns: int = 0
    seed: int = 1


# Cached, so that each raise is warned of once a run and not once a market.
raised = cache(raise_order_size)
