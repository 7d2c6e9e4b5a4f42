"""Each cell of the order table is met once, and nothing else is."""

from collections.abc import Callable

import pytest

from polymm.engine.evidence import Event, MarketClosed, PlaceVerdict, Settlement, Written
from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Life
from tests.engine.order_cells import EXCLUDED, REACHABLE, SCRIPTED, UNIT_ONLY, Cell
from tests.support.order_scene import (
    CANCELLATION,
    GONE,
    KEPT,
    LOST,
    MARKET,
    PLACEMENT,
    UPDATE,
    OrderScene,
    asked,
    canceled,
    fill,
    listed,
    ns,
    placed,
    seen,
    told,
    trades,
)


def planned() -> OrderScene:
    scene = OrderScene()
    scene.plan()
    return scene


def in_flight() -> OrderScene:
    scene = OrderScene()
    scene.send()
    scene.step(1)
    return scene


def unknown_new() -> OrderScene:
    scene = in_flight()
    scene.step(3)
    return scene


def live() -> OrderScene:
    """Known by the user channel; the answer is still to come."""
    scene = in_flight()
    scene.step(1, told(PLACEMENT, 1))
    return scene


def cancel_in_flight() -> OrderScene:
    scene = live()
    scene.cancel(1.5)
    return scene


def cancel_unknown() -> OrderScene:
    scene = live()
    scene.manager.doubt(ns(2), why="gap")
    return scene


def closing() -> OrderScene:
    scene = live()
    scene.step(2, canceled(GONE, 1.5, 2))
    return scene


def quarantined() -> OrderScene:
    """By doubt and silence, while the venue could be read."""
    scene = cancel_unknown()
    for at in (12, 22, 32, 42):
        scene.step(at, trades(at, market="elsewhere"))
    return scene


def filled() -> OrderScene:
    scene = live()
    scene.step(2, fill("t0", 2, 10))
    return scene


def cancelled() -> OrderScene:
    scene = live()
    scene.step(2, told(CANCELLATION, 2))
    return scene


def rejected() -> OrderScene:
    scene = in_flight()
    scene.step(2, placed(PlaceVerdict.REJECTED, 2))
    return scene


STATES: dict[Life, Callable[[], OrderScene]] = {
    Life.PLANNED: planned,
    Life.NEW_INFLIGHT: in_flight,
    Life.UNKNOWN_NEW: unknown_new,
    Life.LIVE: live,
    Life.CANCEL_INFLIGHT: cancel_in_flight,
    Life.UNKNOWN_CANCEL: cancel_unknown,
    Life.CLOSING: closing,
    Life.QUARANTINED: quarantined,
    Life.FILLED: filled,
    Life.CANCELLED: cancelled,
    Life.REJECTED: rejected,
}

EVENTS: dict[Row, Callable[[float], Event]] = {
    Row.WRITTEN: lambda at: Written(("A",), ns(at)),
    Row.ACCEPTED: lambda at: placed(PlaceVerdict.DELAYED, at),
    Row.REJECTED: lambda at: placed(PlaceVerdict.REJECTED, at),
    Row.AMBIGUOUS: lambda at: placed(PlaceVerdict.UNKNOWN, at),
    Row.PLACEMENT: lambda at: told(PLACEMENT, at),
    Row.UPDATE: lambda at: told(UPDATE, at, 1),
    Row.OPEN: lambda at: listed(at, seen(1)),
    Row.TRADE: lambda at: fill("t1", at, 1),
    Row.VOID: lambda at: fill("t1", at, 1, Settlement.VOID),
    Row.CANCELED: lambda at: canceled(GONE, at - 0.2, at),
    Row.NOT_CANCELED: lambda at: canceled(KEPT, at - 0.2, at),
    Row.CANCEL_FAILED: lambda at: canceled(LOST, at - 0.2, at),
    Row.CANCELLATION: lambda at: told(CANCELLATION, at, 1),
    Row.CANCELLATION_BARE: lambda at: told(CANCELLATION, at, -1),
    Row.CLOSED: lambda at: MarketClosed(MARKET),
}


def missed(scene: OrderScene) -> None:
    at = scene.now + 30
    scene.step(at + 2, listed(at), listed(at + 1), asked(at + 1))


def absent(scene: OrderScene) -> None:
    """The lists complete the proof, but where its trades alone would do the same."""
    at = scene.now + 30
    reads = trades(at + 9), asked(at + 1), listed(at), listed(at + 1)
    scene.step(at + 10, *(reads[::-1] if scene.life() is Life.CLOSING else reads))


def closed_and_read(scene: OrderScene) -> None:
    at = scene.now
    scene.step(at, MarketClosed(MARKET))
    scene.step(at + 11, trades(at + 11))


def kept_unresolved(scene: OrderScene) -> None:
    """Time passes, the venue can be read, and nothing of it speaks of the order."""
    first = int(scene.now) + 10
    for at in range(first, first + 50, 10):
        scene.step(at, trades(at, market="elsewhere"))


def cancelled_in_vain(scene: OrderScene) -> None:
    scene.run(60)


WAYS: dict[Row, Callable[[OrderScene], None]] = {
    Row.DISCARDED: lambda scene: scene.manager.discard(ns(scene.now), 1, "gate_closed"),
    Row.CANCEL_WANTED: lambda scene: scene.manager.want_cancel(ns(scene.now), 1),
    Row.DOUBT: lambda scene: scene.manager.doubt(ns(scene.now), why="gap"),
    Row.OVERDUE: lambda scene: scene.run(3),
    Row.CANCEL_OVERDUE: lambda scene: scene.run(4),
    Row.MISSED: missed,
    Row.ABSENCE: absent,
    Row.TRADES: closed_and_read,
    Row.QUARANTINE: kept_unresolved,
}


def drive(life: Life, row: Row) -> set[Cell]:
    """Meet one cell; all that were met from that state on."""
    scene = STATES[life]()
    assert scene.life() is life
    met: set[Cell] = set()
    scene.manager.on_cell = lambda before, name: met.add((before, name))
    if row is Row.QUARANTINE and life is Life.CANCEL_INFLIGHT:
        cancelled_in_vain(scene)
    elif row in WAYS:
        WAYS[row](scene)
    else:
        at = scene.now + 0.5
        scene.step(at, EVENTS[row](at))
    return met


def cells() -> list[Cell]:
    return [(life, row) for life in Life for row in Row if row in REACHABLE[life]]


@pytest.mark.parametrize(("life", "row"), cells(), ids=lambda part: part.name.lower())
def test_a_reachable_cell_is_met(life: Life, row: Row) -> None:
    assert (life, row) in drive(life, row)


def test_every_cell_is_reachable_or_has_a_reason() -> None:
    assert {*EXCLUDED, *cells()} == {(life, row) for life in Life for row in Row}
    assert not set(EXCLUDED) & set(cells())
    assert set(SCRIPTED) <= set(cells())
    assert all(EXCLUDED.values())
    assert set(UNIT_ONLY) <= set(cells()) - set(SCRIPTED)
    assert all(SCRIPTED.values())
    assert all(UNIT_ONLY.values())


def test_driving_all_cells_meets_none_that_is_excluded() -> None:
    met = {cell for life, row in cells() for cell in drive(life, row)}
    assert not met & set(EXCLUDED)
