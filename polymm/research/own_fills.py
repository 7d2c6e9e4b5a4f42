"""How far simulated fills are from those that really happened, and what that comes from.

A run's own orders are put to the simulated venue over the tape of the same run. Two numbers say how
far it is off, both per share that was really filled: the share of fills that only one of the two
has, and cents, by what each fill was worth a few seconds later. Each is the sum of three parts:

* latency: what goes away when orders and cancels arrive when the venue said that they did;
* queue: what then goes away when each order has the place in its queue, between behind all that is
  displayed and before it, that comes closest to what happened;
* unknown: the rest, which no place in the queue explains.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polymm._core.layout import BID
from polymm._core.own_orders import play_orders
from polymm._core.tape_rows import TapeRows
from polymm.domain.market import NS, Market
from polymm.exchange.tape import parse_queue
from polymm.research.estimates import Estimate, clustered_ratio
from polymm.research.own_orders import Delays, OwnOrder, script_of, without_own
from polymm.research.tape_pack import PackedTape

MARK_NS: Final = 5 * NS
# With fewer windows than this the error is clustered by order.
CLUSTERS_MIN: Final = 5
PARTS: Final = ("latency", "queue", "unknown")


@dataclass(frozen=True, slots=True)
class OwnTape:
    """One market's tape with the orders that a run had there.

    Args:
        rows: Without our own size.
        orders: In the order in which they were sent.
        marks: (time, fair value) at venue time.
        short_n: Displayed sizes below what we believed to have there.
    """

    market: Market
    rows: TapeRows
    trade_lag_ns: int
    orders: tuple[OwnOrder, ...]
    marks: tuple[NDArray[np.int64], NDArray[np.float64]]
    short_n: int = 0


class Model(NamedTuple):
    """How the queue at a price is modelled.

    Args:
        queue: See `polymm.exchange.tape.parse_queue`.
        match_ns: A drop and a trade told within it may be one match.
    """

    queue: str
    match_ns: int = NS

    @property
    def name(self) -> str:
        """As figures are headed."""
        return f"{self.queue}, {self.match_ns / 1e6:g} ms"


RISK_AVERSE: Final = Model("risk_averse")


class Outcome(NamedTuple):
    """What orders got: 1e-6 shares each, and what that was worth, 1e-6 shares times cents."""

    filled: NDArray[np.float64]
    edge: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distance:
    """How far simulated fills are from real ones, per share that was really filled.

    Args:
        share: What only one of the two filled; 0 for the very same fills.
        cents: How much more, by marks a few seconds later, the simulation made.
        volume: Simulated over real shares, less 1.
    """

    share: Estimate
    cents: Estimate
    volume: Estimate


@dataclass(frozen=True, slots=True)
class FillComparison:
    """How a venue model stands to what happened.

    Args:
        orders, fills, shares_e6: Of the run: what was sent, and really filled.
        clusters: What the errors are clustered by.
        queue: The headline's queue model.
        total: The headline.
        parts: Of it, by PARTS; they add up to it.
        band: By queue model.
    """

    orders: int
    fills: int
    shares_e6: int
    clusters: str
    queue: str
    total: Distance
    parts: dict[str, Distance] = field(default_factory=dict)
    band: dict[str, Distance] = field(default_factory=dict)


def own_tape(tape: PackedTape, orders: Sequence[OwnOrder]) -> OwnTape:
    """Put a market's tape and the orders that a run had there together."""
    shown = without_own(tape.rows, orders)
    rows = TapeRows(np.ascontiguousarray(shown.rows))
    empty = OwnTape(tape.market, rows, tape.trade_lag_ns, (), _no_marks())
    _, marks, _ = _play(empty, _no_script(), RISK_AVERSE, is_first=False)
    known = np.isfinite(marks["fair"])
    return OwnTape(
        market=tape.market,
        rows=rows,
        trade_lag_ns=tape.trade_lag_ns,
        orders=tuple(orders),
        marks=(marks["at_ns"][known], marks["fair"][known]),
        short_n=shown.short_n,
    )


def _no_marks() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)


def _no_script() -> NDArray[np.int64]:
    return np.empty((0, 7), dtype=np.int64)


def _play(
    tape: OwnTape, script: NDArray[np.int64], model: Model, *, is_first: bool
) -> tuple[NDArray[Any], NDArray[Any], dict[int, str]]:
    market = tape.market
    queue, queue_n = parse_queue(model.queue)
    return play_orders(
        tape.rows,
        script,
        start_ns=market.start_ns,
        end_ns=market.end_ns,
        tick_e4=market.tick_e4,
        lot_e6=market.lot_e6,
        order_min_e6=market.order_min_e6,
        fee_rate_e6=market.fees.rate_e6,
        trade_lag_ns=tape.trade_lag_ns,
        queue=queue,
        queue_n=queue_n,
        match_ns=model.match_ns,
        is_first=is_first,
    )


def simulated(
    tapes: Iterable[OwnTape], model: Model, delays: Delays, *, is_first: bool = False
) -> Outcome:
    """Give what the simulated venue makes of all orders, in order of the tapes.

    Args:
        is_first: Each stands before all that is displayed at its price.
    """
    found = []
    for tape in tapes:
        fills, _, _ = _play(tape, script_of(tape.orders, delays), model, is_first=is_first)
        found.append(_outcome(tape, fills["order_id"], fills["at_ns"], fills["size_e6"]))
    return _joined(found)


def actual(tapes: Iterable[OwnTape]) -> Outcome:
    """Give what the orders really got."""
    found = []
    for tape in tapes:
        rows = [
            (order.number, at_ns, size_e6)
            for order in tape.orders
            for at_ns, _, size_e6 in order.fills
        ]
        fills = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
        found.append(_outcome(tape, fills[:, 0], fills[:, 1], fills[:, 2]))
    return _joined(found)


def _outcome(
    tape: OwnTape,
    numbers: NDArray[np.int64],
    at_ns: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> Outcome:
    place = {order.number: i for i, order in enumerate(tape.orders)}
    at = np.array([place[number] for number in numbers.tolist()], dtype=np.int64)
    signs = np.array([1.0 if order.side == BID else -1.0 for order in tape.orders])
    prices = np.array([order.place.up_price_e4 / 100 for order in tape.orders])
    filled, edge = np.zeros(len(tape.orders)), np.zeros(len(tape.orders))
    if len(at):
        marks = 100 * _marks_at(tape, at_ns + MARK_NS)
        np.add.at(filled, at, sizes)
        np.add.at(edge, at, sizes * signs[at] * (marks - prices[at]))
    return Outcome(filled, edge)


def _marks_at(tape: OwnTape, at_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    times, values = tape.marks
    if not len(times):
        return np.full(len(at_ns), 0.5)
    found = np.searchsorted(times, np.minimum(at_ns, tape.market.end_ns), side="right") - 1
    marks: NDArray[np.float64] = values[np.maximum(found, 0)]
    return marks


def _joined(found: Sequence[Outcome]) -> Outcome:
    if not found:
        return Outcome(np.zeros(0), np.zeros(0))
    return Outcome(
        np.concatenate([one.filled for one in found]), np.concatenate([one.edge for one in found])
    )


def closest(real: Outcome, models: Sequence[Outcome]) -> Outcome:
    """Give each order the outcome, of all between those of models, that is closest to the real."""
    filled = np.stack([model.filled for model in models])
    least, most = filled.argmin(axis=0), filled.argmax(axis=0)
    each = np.arange(len(real.filled))
    found = real.filled.copy()
    edge = real.edge.copy()
    edges = np.stack([model.edge for model in models])
    for bound, is_beyond in (
        (least, real.filled < filled[least, each]),
        (most, real.filled > filled[most, each]),
    ):
        found = np.where(is_beyond, filled[bound, each], found)
        edge = np.where(is_beyond, edges[bound, each], edge)
    return Outcome(found, edge)


# Distances


def clusters_of(tapes: Sequence[OwnTape]) -> tuple[list[int], str]:
    """What each order's error goes together with: its window, or itself where those are few."""
    starts = [tape.market.start_ns for tape in tapes for _ in tape.orders]
    filled = {tape.market.start_ns for tape in tapes if any(order.fills for order in tape.orders)}
    if len(filled) < CLUSTERS_MIN:
        return list(range(len(starts))), "orders"
    return starts, "windows"


def _distance(
    clusters: Sequence[int],
    real: Outcome,
    share: NDArray[np.float64],
    cents: NDArray[np.float64],
    volume: NDArray[np.float64],
) -> Distance:
    def ratio(values: NDArray[np.float64]) -> Estimate:
        rows = zip(clusters, values.tolist(), real.filled.tolist(), strict=True)
        return clustered_ratio(rows)

    return Distance(ratio(share), ratio(cents), ratio(volume))


def distance(clusters: Sequence[int], real: Outcome, found: Outcome, base: Outcome) -> Distance:
    """How much farther from the real outcome one is than another that is closer.

    Args:
        base: The real outcome itself for the whole distance.
    """
    return _distance(
        clusters,
        real,
        np.abs(found.filled - real.filled) - np.abs(base.filled - real.filled),
        found.edge - base.edge,
        found.filled - base.filled,
    )


def compare_fills(
    tapes: Sequence[OwnTape], models: Sequence[Model], delays: Delays, recorded: Delays
) -> FillComparison:
    """Hold a venue model against what happened.

    Args:
        models: The headline first.
        delays: Of the model.
        recorded: Those of the run, for the split.
    """
    clusters, clustered_by = clusters_of(tapes)
    real = actual(tapes)
    found = {model.name: simulated(tapes, model, delays) for model in models}
    timed = [simulated(tapes, model, recorded) for model in models]
    bounds = [
        simulated(tapes, RISK_AVERSE, recorded),
        simulated(tapes, RISK_AVERSE, recorded, is_first=True),
    ]
    best = closest(real, [*timed, *bounds])
    headline = found[models[0].name]
    steps = {"latency": (headline, timed[0]), "queue": (timed[0], best), "unknown": (best, real)}
    return FillComparison(
        orders=len(clusters),
        fills=sum(len(order.fills) for tape in tapes for order in tape.orders),
        shares_e6=int(real.filled.sum()),
        clusters=clustered_by,
        queue=models[0].name,
        total=distance(clusters, real, headline, real),
        parts={name: distance(clusters, real, *pair) for name, pair in steps.items()},
        band={name: distance(clusters, real, one, real) for name, one in found.items()},
    )
