"""Faults that must come together and often before an order meets something rare.

A usual run draws each switch for itself, so that three of them rarely meet at one order. A share of
the runs turns one of these mixes on as well, from the start until everything heals.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from polymm.exchange.faults import Fault
from tests.simulation.faults import ProcessFault, WireFault


class Mix(NamedTuple):
    """What a run has beside what it draws.

    Args:
        rates: Switches and shares of chances at which they strike.
        takes: Share of the crowd's acts that take from the top of the book; 0.05 is usual.
        take_shares: Most shares that each of them takes; 60 is usual, and more than an order has.
        is_slow: Whether the book moves so rarely that orders stand for long.
        troubles: What befalls the process as well.
    """

    rates: Mapping[Fault | WireFault, float]
    takes: float = 0.3
    take_shares: int = 60
    is_slow: bool = False
    troubles: tuple[ProcessFault, ...] = ()


MIXES: Final[Mapping[str, Mix]] = MappingProxyType(
    {
        "unheard": Mix(
            {
                # No answer and no word of it: what happens next is its first sign of life.
                Fault.POST_REPLY_LOST: 0.5,
                WireFault.USER_FRAME_LOST: 0.4,
                WireFault.USER_LAGS: 0.1,
                Fault.TRADE_FAILED: 0.3,
                Fault.USER_STATUS_SKIPPED: 0.5,
            },
            take_shares=6,
        ),
        "failing": Mix(
            {
                # Settlements fail while orders go on, end, or cannot be resolved.
                Fault.TRADE_FAILED: 0.4,
                Fault.USER_FILL_LATE: 0.3,
                Fault.CANCEL_REPLY_LOST: 0.2,
                WireFault.TRADES_LATE: 0.3,
            },
            take_shares=4,
            troubles=(ProcessFault.KILLED,),
        ),
        "kept": Mix(
            {
                # Cancels do not help, and what they could have told is wrong or late.
                Fault.CANCEL_FAILED: 0.6,
                Fault.CANCEL_ALREADY_MATCHED: 0.5,
                Fault.CANCEL_UNKNOWN: 0.2,
                Fault.TRADE_FAILED: 0.3,
                WireFault.REQUEST_LATE: 0.2,
            },
            take_shares=4,
            troubles=(ProcessFault.STOPPED,),
        ),
        "stuck": Mix(
            {
                # Whether cancels helped cannot be found out.
                Fault.CANCEL_REPLY_LOST: 0.9,
                WireFault.USER_FRAME_LOST: 0.5,
                WireFault.READ_FAILED: 0.7,
                Fault.CANCEL_UNKNOWN: 0.3,
                Fault.TRADE_FAILED: 0.3,
            },
            take_shares=4,
        ),
        "vanished": Mix(
            {
                # The venue ends orders by itself, and nobody hears of it.
                Fault.ORDER_CANCELED: 0.5,
                WireFault.USER_FRAME_LOST: 0.5,
                Fault.ORDERS_LATE: 0.3,
            },
            takes=0.0,
            is_slow=True,
        ),
        "late": Mix(
            {
                # Placements arrive when lists were read in vain already.
                Fault.POST_LATE: 0.8,
                Fault.EDGE_DELAY: 0.6,
            },
            takes=0.05,
        ),
        "rounded": Mix(
            {
                # What is left of an order is less than anybody counts.
                Fault.FILL_SHORT: 0.9,
                Fault.USER_REORDERED: 0.5,
                Fault.USER_FILL_LATE: 0.3,
                Fault.USER_FILL_BEFORE_REPLY: 0.5,
            }
        ),
        "crossing": Mix(
            {
                # Orders come so late that the book has moved through their prices.
                WireFault.REQUEST_LATE: 0.4,
                WireFault.MARKET_LAGS: 0.005,
                Fault.USER_POST_ONLY_EVENT: 1.0,
                Fault.USER_CLOSED: 0.03,
            }
        ),
    }
)
