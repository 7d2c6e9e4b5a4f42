"""What the disk must hold: I10 and I22."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from polymm.engine import evidence as ev
from polymm.engine.order_life import Life
from polymm.runtime.journal_format import Kind
from polymm.runtime.journal_reading import recover
from tests.simulation.sending import Sending
from tests.simulation.violations import Violated

# A plan is the last thing written before its order leaves; a batch's plans fit into this.
TAIL_BYTES: Final = 16_384
_PLAN: Final = bytes((Kind.PLAN,)) + b'["'


class DiskView(Protocol):
    """The journal's bytes as they would be found after kill -9."""

    def tail(self, n_bytes: int) -> bytes:
        """The last bytes of the newest segment."""
        ...

    def newest_first(self) -> Iterable[bytes]:
        """All segments."""
        ...


def check_plan(now_ns: int, order: str, disk: DiskView) -> None:
    """I22: the order's plan is on the disk before its bytes leave."""
    if _PLAN + order.encode() not in disk.tail(TAIL_BYTES):
        raise Violated("I22", f"{order} is written, its plan is not in the journal", now_ns)


def check_replay(
    now_ns: int,
    disk: DiskView,
    sent: Mapping[str, Sending],
    fills: Mapping[tuple[str, str, int], ev.FillTold],
    markets: Iterable[str],
) -> None:
    """I10 and I22: what the disk holds now brings back every sent order and applied fill.

    Args:
        markets: Those that are not over; of others nothing must be kept.
    """
    state = recover(disk.newest_first()).state
    kept = set(markets) - state.settled.keys()
    missing = [key for key, one in sent.items() if one.market in kept and key not in state.orders]
    if missing:
        raise Violated("I10", f"not in the journal: {missing}", now_ns)
    for key, fill in fills.items():
        if fill.market not in kept:
            continue
        known = state.fills.get(key)
        if known is None or known.status < fill.status:
            found = "nothing" if known is None else known.status.name
            raise Violated("I22", f"{key} is {fill.status.name}, the journal has {found}", now_ns)


def check_fates(
    now_ns: int, lives: Mapping[str, Life], sent: Iterable[str], alarmed: Iterable[str]
) -> None:
    """I10: at the end each order is final by proof, or quarantined with an alarm.

    Args:
        lives: What the engine believes of its orders.
        sent: Orders that were sent long enough ago.
        alarmed: Orders a quarantine was told of.
    """
    told = set(alarmed)
    for order in sent:
        life = lives.get(order)
        if life is None or life.is_final:
            continue
        if life is not Life.QUARANTINED:
            raise Violated("I10", f"{order} is {life.name} at the end", now_ns)
        if order not in told:
            raise Violated("I10", f"{order} is quarantined without an alarm", now_ns)
