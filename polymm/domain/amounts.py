"""What an order gives and gets in base units, exactly: integers from price and size to signature.

One official client floors ``size * 100`` in binary floats and signs 5.1 shares as 5.09. Here a
price is a whole number of 1e-4 dollars and a share a whole number of 1e-6, so every product below
is exact and nothing is ever rounded but what the venue itself rounds (signing notes, section 4).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from polymm.domain.order import Side
from polymm.errors import InputError

DOLLAR_E4 = 10_000
LOT_E6 = 10_000  # sizes have two decimals
SIZE_E6_MAX = 10**15  # a billion shares or dollars: far above any order, far below 64 bits

# Tick -> decimals of an amount, two more than the tick's own.
AMOUNT_DECIMALS: Final[Mapping[int, int]] = MappingProxyType(
    {1_000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}
)
_TICKS_E4 = frozenset(AMOUNT_DECIMALS)
_SELL: Final = Side.SELL


class Amounts(NamedTuple):
    """Base units of one order.

    ``maker_e6`` is what its maker gives, ``taker_e6`` what the maker gets: a BUY gives 1e-6 dollars
    and gets 1e-6 shares, a SELL the other way round.
    """

    maker_e6: int
    taker_e6: int


def check_price(price_e4: int, tick_e4: int) -> None:
    """Hold a price against its market's grid.

    Raises:
        InputError: The tick is none of the venue's, or the price is not one of its multiples
            from one tick to a dollar less a tick. Nothing is moved onto the grid: a price that is
            off it was computed wrongly.
    """
    if tick_e4 not in _TICKS_E4:
        known = ", ".join(map(str, AMOUNT_DECIMALS))
        raise InputError(f"tick_e4 must be one of {known}, was {tick_e4}")
    if price_e4 % tick_e4 or not 0 < price_e4 < DOLLAR_E4:
        raise InputError(
            f"price_e4 must be a multiple of the tick {tick_e4} within "
            f"{tick_e4}..{DOLLAR_E4 - tick_e4}, was {price_e4}"
        )


def _lots(value_e6: int, name: str) -> int:
    """Floor to whole hundredths, of which there must be at least one."""
    if not LOT_E6 <= value_e6 <= SIZE_E6_MAX:
        raise InputError(f"{name} must be within {LOT_E6}..{SIZE_E6_MAX}, was {value_e6}")
    return value_e6 // LOT_E6


def limit_amounts(side: Side, price_e4: int, size_e6: int, tick_e4: int) -> Amounts:
    """Amounts of a limit order (GTC, GTD).

    Args:
        price_e4: 1e-4 dollars, on the grid.
        size_e6: 1e-6 shares; what is below a hundredth of a share is floored away.
        tick_e4: The market's tick now, 1e-4 dollars.

    Raises:
        InputError: Off the grid, or a size below a hundredth or above a billion shares.
    """
    check_price(price_e4, tick_e4)
    lots = _lots(size_e6, "size_e6")
    shares_e6 = lots * LOT_E6
    dollars_e6 = lots * price_e4  # 1e-2 shares times 1e-4 dollars
    if side == _SELL:
        return Amounts(shares_e6, dollars_e6)
    return Amounts(dollars_e6, shares_e6)


def market_amounts(side: Side, price_e4: int, amount_e6: int, tick_e4: int) -> Amounts:
    """Amounts of a market order (FOK, FAK): the price is the worst that is taken.

    Args:
        price_e4: 1e-4 dollars, on the grid.
        amount_e6: For a BUY 1e-6 dollars to spend before fees, for a SELL 1e-6 shares; what is
            below a hundredth is floored away.
        tick_e4: The market's tick now, 1e-4 dollars.

    Raises:
        InputError: Off the grid, or an amount below a hundredth or above a billion.
    """
    if side == _SELL:
        return limit_amounts(side, price_e4, amount_e6, tick_e4)
    check_price(price_e4, tick_e4)
    lots = _lots(amount_e6, "amount_e6")
    # The venue's client rounds dollars / price up at four decimals more than an amount has, then
    # floors. The first step never reaches the next unit: the remainder is at most 1 - 1 / price_e4
    # of one, and price_e4 is below 10^4. So the floor alone is exact.
    decimals = AMOUNT_DECIMALS[tick_e4]
    shares = lots * 100 * 10**decimals // price_e4
    return Amounts(lots * LOT_E6, shares * 10 ** (6 - decimals))
