"""Somebody else trades this account: I28, as far as one engine can hold it (FAILURES 54).

A start may sweep away what it finds. Whoever has posted and is then told of an order that it never
sent posts nothing more; and what rests is told of in time, since open orders are listed.
"""

from typing import Final

from polymm.engine import evidence as ev
from polymm.exchange.exchange import Exchange
from tests.simulation.senses import NEVER, Senses
from tests.simulation.violations import Violated

# The list's period, one that is lost, and the wait after that.
NOTICED_NS: Final = 20_000_000_000


class Strangers:
    """What one engine process was told of orders that are not its own.

    Args:
        senses: Knows those orders.
    """

    def __init__(self, exchange: Exchange, senses: Senses) -> None:
        self._exchange = exchange
        self._senses = senses
        self._posted_ns = NEVER
        self._told: tuple[str, int] | None = None
        self._filled: set[str] = set()

    def began(self) -> None:
        """A new engine process."""
        self._posted_ns = NEVER
        self._told = None

    def tell(self, now_ns: int, event: ev.Event) -> None:
        """The engine takes an event."""
        foreign = self._senses.foreign
        if not foreign:
            return
        match event:
            case ev.OpenListed("") if event.began_ns >= self._posted_ns > NEVER:
                orders = [seen.order for seen in event.orders]
            case ev.FillTold():
                orders = self._new_fills([event])
            case ev.TradesRead():
                orders = self._new_fills(event.fills)
            case _:
                return
        found = next((order for order in orders if order in foreign), None)
        if found is not None and self._told is None and self._posted_ns > NEVER:
            self._told = found, now_ns

    def _new_fills(self, fills: "list[ev.FillTold] | tuple[ev.FillTold, ...]") -> list[str]:
        """Orders of fills that no process was told of before."""
        new = [fill for fill in fills if fill.trade not in self._filled]
        self._filled.update(fill.trade for fill in new)
        return [fill.order for fill in new if fill.status is not ev.Settlement.VOID]

    def post(self, now_ns: int) -> None:
        """The engine posts.

        Raises:
            Violated: It must know that it is not alone.
        """
        if self._posted_ns == NEVER:
            self._posted_ns = now_ns
        if self._told is not None:
            order, told_ns = self._told
            raise Violated("I28", f"posted, and was told of {order} at {told_ns}", now_ns)
        for order, since_ns in self._senses.foreign.items():
            since_ns = max(since_ns, self._posted_ns, self._senses.rest_hurt_ns)
            if order in self._exchange.dealing.open and now_ns - since_ns > NOTICED_NS:
                raise Violated("I28", f"posted beside {order}, there since {since_ns}", now_ns)
