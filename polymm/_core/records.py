"""Small values the core hands to Python."""

from typing import NamedTuple


class Trade(NamedTuple):
    """One match as the market channel tells it, in Up terms.

    ``taker_side`` is 0 when the taker buys Up (or sells Down), 1 when it sells Up; ``token`` is the
    outcome the message spoke of; ``stamp_ms`` is venue time.
    """

    slot: int
    taker_side: int
    price_e4: int
    size_e6: int
    stamp_ms: int
    token: int
