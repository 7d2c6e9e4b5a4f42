"""A scripted life of an account, told to a journal on a disk in memory."""

import random
from dataclasses import dataclass, field

from polymm.domain.market import NS, Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Alarm, OrderEnded, TradesKnown
from polymm.engine.records import RunBegun
from polymm.runtime.journal import Journal
from tests.support.memory_journal import MemoryDisk, memory_journal

T0 = 1_776_323_400 * NS
SHARE = 1_000_000
RUN = RunBegun("1.0", "c0ffee", "acc", T0)

FillKey = tuple[str, str, int]


def market(number: int, end_ns: int = T0 + 300 * NS) -> Market:
    """The market of this number."""
    return Market(
        slug=f"btc-updown-5m-{number}",
        condition_id=f"0xc{number}",
        up_token=f"1{number}",
        down_token=f"2{number}",
        start_ns=T0,
        end_ns=end_ns,
    )


def place(order_id: int, number: int = 1) -> Place:
    """An order for five shares of Up at 0.49."""
    return Place(order_id, market(number).slug, Token.UP, Side.BUY, 4_900, 5 * SHARE)


def fill(
    order: str, trade: str = "t1", status: ev.Settlement = ev.Settlement.MATCHED, number: int = 1
) -> ev.FillTold:
    """One share of an order filled."""
    return ev.FillTold(
        trade,
        order,
        0,
        status,
        market(number).condition_id,
        Token.UP,
        Side.BUY,
        SHARE,
        4_900 * SHARE,
        True,
        0,
        0,
        T0,
        T0 + 1,
    )


@dataclass
class Told:
    """What a journal had been told when it held so many bytes."""

    n_bytes: int
    orders: frozenset[str]
    fills: dict[FillKey, ev.Settlement]


@dataclass
class Script:
    """Tells a journal random things, and remembers by its own means what it told.

    Attributes:
        told: After each call, in order.
    """

    seed: int
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    told: list[Told] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    fills: dict[FillKey, ev.FillTold] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.now_ns = T0
        self.journal: Journal = memory_journal(self.disk)
        self.journal.begin(RUN)
        self._remember()

    def run(self, n: int) -> None:
        """Tell so many things, most of them about orders and fills."""
        self.journal.market(self.now_ns, market(1))
        self._remember()
        acts = (self._plan, self._plan, self._fill, self._trades, self._end, self._look)
        for _ in range(n):
            self.now_ns += self.draw.randint(1, NS)
            self.draw.choice(acts)()
            self._remember()
            if self.draw.random() < 0.2:
                self.disk.sync()

    def _remember(self) -> None:
        fills = {key: told.status for key, told in self.fills.items()}
        content = self.disk.segments[-1].content
        self.told.append(Told(len(content), frozenset(self.orders), fills))

    def _plan(self) -> None:
        number = len(self.orders) + 1
        order = f"0x{number:064x}"
        self.journal.plan(self.now_ns, "0xc1", place(number), order)
        self.orders.append(order)
        self._note(ev.Written((order,), self.now_ns))

    def _random_fill(self) -> ev.FillTold | None:
        if not self.orders:
            return None
        status = ev.Settlement(self.draw.randrange(len(ev.Settlement)))
        told = fill(self.draw.choice(self.orders), f"t{self.draw.randrange(5)}", status)
        known = self.fills.get(told.key)
        if known is None or status > known.status:
            self.fills[told.key] = told
        return told

    def _fill(self) -> None:
        told = self._random_fill()
        if told is not None:
            self._note(told)

    def _trades(self) -> None:
        fills = [self._random_fill() for _ in range(self.draw.randrange(4))]
        told = tuple(told for told in fills if told is not None)
        self._note(ev.TradesRead("", 0, told, T0, T0), TradesKnown(self.now_ns))

    def _end(self) -> None:
        if self.orders:
            ended = OrderEnded(self.draw.choice(self.orders), "CANCELLED", SHARE)
            self._note(ev.Timer(), ended)

    def _look(self) -> None:
        self._note(ev.BookChanged("0xc1", 3), Alarm("x", "y", "z"))

    def _note(self, event: ev.Event, *actions: Action) -> None:
        self.journal.note(self.now_ns, event, actions)
