"""The worst case by trying every case: fills stand or fail, orders fill by nothing, half or all."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from polymm.domain.order import Side, Token


class Trade(NamedTuple):
    """A fill or an order, whichever part of it happens."""

    market: str
    token: Token
    side: Side
    price_e4: int
    size_e6: int


class Worst(NamedTuple):
    """The largest of each, over all cases.

    Args:
        up_e6, down_e6: Up less Down of the market that is asked about, and Down less Up.
        cost_e10: Paid for all markets, each not below 0.
        cash_e10: Paid by what is not settled, without what is earned by it.
        held_e6: The smallest number of Up and of Down shares, after all sales.
    """

    up_e6: int
    down_e6: int
    cost_e10: int
    cash_e10: int
    held_e6: tuple[int, int]


def worst(
    market: str,
    confirmed: Sequence[Trade],
    provisional: Sequence[Trade],
    orders: Sequence[Trade],
) -> Worst:
    """Try all cases."""
    found = [_outcome(market, confirmed, happened) for happened in _cases(provisional, orders)]
    columns = list(zip(*found, strict=True))
    held = tuple(min(column) for column in zip(*columns[4], strict=True))
    return Worst(*(max(column) for column in columns[:4]), held)  # type: ignore[arg-type]


def _cases(provisional: Sequence[Trade], orders: Sequence[Trade]) -> Iterator[list[Trade]]:
    settled = [(trade, (0, 2)) for trade in provisional]
    filled = [(trade, (0, 1, 2)) for trade in orders]
    choices = [[(trade, halves) for halves in parts] for trade, parts in settled + filled]
    for case in product(*choices):
        yield [trade._replace(size_e6=trade.size_e6 * halves // 2) for trade, halves in case]


def _outcome(
    market: str, confirmed: Sequence[Trade], happened: Sequence[Trade]
) -> tuple[int, int, int, int, tuple[int, int]]:
    held = {Token.UP: 0, Token.DOWN: 0}
    paid: defaultdict[str, int] = defaultdict(int)
    spent = 0
    for trade in (*confirmed, *happened):
        sign = 1 if trade.side is Side.BUY else -1
        paid[trade.market] += sign * trade.price_e4 * trade.size_e6
        if trade.market == market:
            held[trade.token] += sign * trade.size_e6
    for trade in happened:
        if trade.side is Side.BUY:
            spent += trade.price_e4 * trade.size_e6
    lean = held[Token.UP] - held[Token.DOWN]
    cost = sum(max(amount, 0) for amount in paid.values())
    return lean, -lean, cost, spent, (held[Token.UP], held[Token.DOWN])
