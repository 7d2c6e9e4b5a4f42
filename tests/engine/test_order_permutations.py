"""Evidence in every order of arrival, once and with repeats, ends in one belief."""

from collections.abc import Callable
from itertools import permutations
from random import Random

import pytest

from polymm.domain.order import Accepted, Cancelled, Fill, Rejected, Voided
from polymm.engine.evidence import (
    CancelVerdict,
    CancelWritten,
    Event,
    MarketClosed,
    OrderNews,
    PlaceVerdict,
    Settlement,
    Swept,
)
from polymm.engine.order_life import Life
from tests.support.order_scene import (
    MARKET,
    SHARE,
    Belief,
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

LIVE, UNKNOWN, REJECTED = PlaceVerdict.LIVE, PlaceVerdict.UNKNOWN, PlaceVerdict.REJECTED
GONE, KEPT, LOST = CancelVerdict.CANCELED, CancelVerdict.NOT_CANCELED, CancelVerdict.UNKNOWN
NOT_SENT = CancelVerdict.NOT_SENT
PLACEMENT, UPDATE, CANCELLATION = OrderNews
MINED, CONFIRMED, VOID = Settlement.MINED, Settlement.CONFIRMED, Settlement.VOID

# Name: (when it ends, when a cancel was wanted and written or -1, evidence, state in the end).
SCRIPTS: dict[str, tuple[float, float, tuple[Event, ...], Life]] = {
    "rests": (
        20,
        -1,
        (
            placed(LIVE, 0.2),
            told(PLACEMENT, 0.1),
            listed(5, seen()),
            asked(6, seen()),
            listed(15, seen()),
        ),
        Life.LIVE,
    ),
    "rests_after_a_late_answer": (
        20,
        -1,
        (placed(UNKNOWN, 5), told(PLACEMENT, 0.1), listed(11, seen()), trades(12)),
        Life.LIVE,
    ),
    "filled_in_two_parts_with_statuses": (
        20,
        -1,
        (
            placed(LIVE, 0.2),
            fill("t1", 1, 4),
            fill("t1", 2, 4, MINED),
            fill("t1", 3, 4, CONFIRMED),
            fill("t2", 1.5, 6),
            fill("t2", 3.5, 6, CONFIRMED),
            told(UPDATE, 1.6, 10),
        ),
        Life.FILLED,
    ),
    "filled_by_two_legs_of_one_trade_but_for_dust": (
        20,
        -1,
        (
            placed(UNKNOWN, 3),
            fill("t1", 1, 4),
            fill("t1", 1, 5.995, leg=1),
            fill("t1", 2, 4, CONFIRMED),
            fill("t1", 2, 5.995, CONFIRMED, leg=1),
            listed(15),
        ),
        Life.FILLED,
    ),
    "filled_and_void": (
        20,
        -1,
        (
            placed(LIVE, 0.2),
            told(UPDATE, 1.1, 10),
            fill("t1", 1, 10),
            fill("t1", 2, 10, MINED),
            fill("t1", 30, 10, VOID),
        ),
        Life.FILLED,
    ),
    "part_void_rests": (
        20,
        -1,
        (
            placed(LIVE, 0.2),
            fill("t1", 1, 4),
            fill("t1", 5, 4, VOID),
            fill("t2", 2, 3, CONFIRMED),
            listed(11, seen(7)),
        ),
        Life.LIVE,
    ),
    "confirmed_and_void": (
        20,
        -1,
        (
            placed(LIVE, 0.2),
            fill("t1", 1, 4),
            fill("t1", 3, 4, CONFIRMED),
            fill("t1", 5, 4, VOID),
            fill("t1", 2, 4, MINED),
        ),
        Life.LIVE,
    ),
    "cancelled": (
        20,
        5,
        (
            placed(LIVE, 0.2),
            canceled(GONE, 5, 5.3),
            told(CANCELLATION, 5.2, 4),
            fill("t1", 4, 4),
            fill("t1", 9, 4, CONFIRMED),
            listed(4, seen()),
            listed(6),
        ),
        Life.CANCELLED,
    ),
    "cancelled_owing": (
        20,
        5,
        (
            placed(LIVE, 0.2),
            canceled(GONE, 5, 5.3),
            told(CANCELLATION, 5.2, 8),
            fill("t1", 4, 4),
            told(UPDATE, 4.1, 4),
        ),
        Life.CLOSING,
    ),
    "canceled_without_event": (
        20,
        5,
        (
            placed(LIVE, 0.2),
            canceled(GONE, 5, 5.3),
            fill("t1", 4, 4),
            trades(8, fill("t1", 8, 4, MINED)),
            listed(7),
        ),
        Life.CLOSING,
    ),
    "canceled_and_trades_read": (
        30,
        5,
        (
            placed(LIVE, 0.2),
            canceled(GONE, 5, 5.3),
            trades(8),
            trades(16, fill("t1", 16, 4, MINED)),
            fill("t1", 4, 4),
        ),
        Life.CANCELLED,
    ),
    "cancel_raced_by_a_fill": (
        30,
        5,
        (
            placed(LIVE, 0.2),
            canceled(KEPT, 5, 5.3),
            fill("t1", 5.1, 10),
            fill("t1", 6, 10, CONFIRMED),
            told(UPDATE, 5.1, 10),
            canceled(LOST, 5, 7),
        ),
        Life.FILLED,
    ),
    "cancel_refused_early": (
        8,
        5,
        (placed(LIVE, 0.2), canceled(KEPT, 5, 5.3), told(PLACEMENT, 0.1), fill("t1", 1, 2)),
        Life.UNKNOWN_CANCEL,
    ),
    "cancel_refused_late": (
        20,
        15,
        (
            placed(LIVE, 0.2),
            canceled(KEPT, 15, 15.3),
            fill("t1", 4, 4),
            fill("t1", 16, 4, CONFIRMED),
            listed(14, seen(4)),
        ),
        Life.CLOSING,
    ),
    "cancel_refused_and_open": (
        40,
        15,
        (
            placed(LIVE, 0.2),
            canceled(KEPT, 15, 15.3),
            listed(16, seen()),
            trades(27),
            canceled(LOST, 15, 15.4),
        ),
        Life.UNKNOWN_CANCEL,
    ),
    "cancelled_five_times_of_which_one_never_left": (
        20,
        5,
        (
            placed(LIVE, 0.2),
            CancelWritten(("A",), ns(7)),
            canceled(NOT_SENT, 7, 7.1),
            CancelWritten(("A",), ns(8)),
            CancelWritten(("A",), ns(9)),
            CancelWritten(("A",), ns(10)),
        ),
        Life.UNKNOWN_CANCEL,
    ),
    "never_arrived": (
        40,
        -1,
        (placed(UNKNOWN, 3), listed(11), listed(12), asked(12), trades(12), listed(5)),
        Life.REJECTED,
    ),
    "arrived_late": (
        40,
        -1,
        (placed(UNKNOWN, 3), listed(11), asked(12), trades(12), listed(13, seen()), asked(4)),
        Life.UNKNOWN_CANCEL,
    ),
    "arrived_late_and_left": (
        60,
        -1,
        (
            listed(11),
            listed(13, seen()),
            listed(24),
            listed(25),
            asked(25),
            trades(26, fill("t1", 26, 4)),
        ),
        Life.CANCELLED,
    ),
    "never_arrived_but_filled": (
        40,
        -1,
        (
            placed(UNKNOWN, 3),
            listed(11),
            listed(12),
            asked(12),
            trades(12, fill("t1", 12, 10)),
            fill("t1", 20, 10, CONFIRMED),
        ),
        Life.FILLED,
    ),
    "absence_not_yet_proven": (
        40,
        -1,
        (placed(UNKNOWN, 3), listed(9), listed(12), asked(12), trades(12), listed(8)),
        Life.UNKNOWN_NEW,
    ),
    "refused": (20, -1, (placed(REJECTED, 0.3), listed(11), listed(12)), Life.REJECTED),
    "refused_and_told_as_cancelled": (
        20,
        -1,
        (placed(REJECTED, 0.3), told(CANCELLATION, 0.2, status="INVALID"), listed(5)),
        Life.REJECTED,
    ),
    "refused_and_alive": (
        20,
        -1,
        (placed(REJECTED, 0.3), told(PLACEMENT, 0.2), fill("t1", 1, 4), told(UPDATE, 1.1, 4)),
        Life.UNKNOWN_CANCEL,
    ),
    "refused_alive_and_cancelled": (
        20,
        -1,
        (
            placed(REJECTED, 0.3),
            told(PLACEMENT, 0.2),
            fill("t1", 1, 4),
            told(CANCELLATION, 2, 4),
            listed(1, seen()),
        ),
        Life.CANCELLED,
    ),
    "open_after_the_proof": (
        20,
        5,
        (
            placed(LIVE, 0.2),
            told(CANCELLATION, 5.2, 4),
            fill("t1", 4, 4),
            listed(9, seen(4)),
            listed(5.1, seen(4)),
        ),
        Life.UNKNOWN_CANCEL,
    ),
    "open_after_the_proof_and_gone_again": (
        60,
        5,
        (
            placed(LIVE, 0.2),
            told(CANCELLATION, 5.2, 4),
            listed(9, seen(4)),
            listed(30),
            listed(35),
            asked(30),
            trades(36, fill("t1", 36, 4)),
        ),
        Life.CANCELLED,
    ),
    "open_after_all_was_filled": (
        20,
        -1,
        (placed(LIVE, 0.2), fill("t1", 1, 10), listed(9, seen(5)), listed(0.9, seen())),
        Life.UNKNOWN_CANCEL,
    ),
    "vanished": (
        40,
        -1,
        (
            placed(LIVE, 0.2),
            listed(5, seen()),
            listed(20),
            listed(25),
            asked(21),
            trades(26),
            told(PLACEMENT, 0.1),
        ),
        Life.CANCELLED,
    ),
    "cancelled_without_size": (
        20,
        -1,
        (placed(LIVE, 0.2), told(CANCELLATION, 5, -1), fill("t1", 4, 4), trades(16)),
        Life.CANCELLED,
    ),
    "filled_by_word_only": (
        20,
        -1,
        (placed(LIVE, 0.2), told(UPDATE, 3, 10), listed(4), trades(8)),
        Life.CLOSING,
    ),
    "void_from_the_start": (
        20,
        -1,
        (placed(LIVE, 0.2), fill("t1", 2, 4, VOID), fill("t1", 1, 4, MINED), told(UPDATE, 1.1, 4)),
        Life.LIVE,
    ),
    "market_closed": (
        20,
        -1,
        (placed(LIVE, 0.2), MarketClosed(MARKET), fill("t1", 1, 4), trades(15)),
        Life.CLOSING,
    ),
}


def play(
    end: float, wanted: float, script: tuple[Event, ...], *, repeats: bool = False
) -> OrderScene:
    scene = OrderScene()
    scene.send()
    if wanted >= 0:
        scene.manager.want_cancel(ns(wanted), 1)
        scene.manager.apply(ns(wanted), CancelWritten(("A",), ns(wanted)))
        scene.drain()
    apply, now_ns = scene.manager.apply, ns(end)
    for event in script:
        apply(now_ns, event)
        if repeats:
            apply(now_ns, event)
    if repeats:
        for event in script:
            apply(now_ns, event)
    return scene


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_order_of_arrival_ends_in_one_belief(name: str) -> None:
    end, wanted, script, life = SCRIPTS[name]
    beliefs: dict[Belief, tuple[Event, ...]] = {}
    for order in permutations(script):
        beliefs.setdefault(play(end, wanted, order).belief(), order)
    assert len(beliefs) == 1, list(beliefs.items())[:2]
    scene = play(end, wanted, script)
    assert scene.life() is life


@pytest.mark.parametrize("name", SCRIPTS)
def test_repeats_change_nothing(name: str) -> None:
    end, wanted, script, _ = SCRIPTS[name]
    once = play(end, wanted, script)
    for order in list(permutations(script))[:: max(1, len(script) ** 2)]:
        twice = play(end, wanted, order, repeats=True)
        assert twice.belief() == once.belief()
        twice.drain()
        told_twice = [reply for reply in twice.replies if isinstance(reply, Fill | Voided)]
        assert len(told_twice) == len({(type(reply), repr(reply)) for reply in told_twice})
        ends = [r for r in twice.replies if isinstance(r, Cancelled | Rejected)]
        accepted = [r for r in twice.replies if isinstance(r, Accepted)]
        assert len(ends) <= 1
        assert len(accepted) <= 1


def drawn(random_: Random) -> tuple[Event, ...]:
    """Evidence as no venue would give it: the times and sizes of its items know of no other."""

    def item() -> Event:
        at = random_.choice((0.2, 1, 2, 4, 6, 9, 11, 12, 13, 16, 20, 25, 30, 35))
        size = random_.choice((0, 2, 4, 6, 10))
        makers: tuple[Callable[[], Event], ...] = (
            lambda: placed(random_.choice(list(PlaceVerdict)), at),
            lambda: told(random_.choice((PLACEMENT, UPDATE)), at, size),
            lambda: told(CANCELLATION, at, random_.choice((-1, size))),
            lambda: fill(random_.choice("tu"), at, 4, random_.choice(list(Settlement))),
            lambda: canceled(random_.choice(list(CancelVerdict)), max(at - 1, 0.1), at),
            lambda: listed(at, seen(size), market=random_.choice(("", MARKET))),
            lambda: listed(at, market=random_.choice(("", MARKET))),
            lambda: asked(at, random_.choice((None, seen(size)))),
            lambda: trades(at, fill("v", at, 2)),
            lambda: trades(at),
        )
        return random_.choice(makers)()

    return tuple(item() for _ in range(random_.choice((4, 5))))


def test_even_contradictions_end_in_one_belief() -> None:
    for seed in range(60):
        random_ = Random(seed)
        script, end, wanted = drawn(random_), random_.choice((14, 22, 40, 60)), seed % 3 * 4 - 1
        beliefs = {play(end, wanted, order).belief() for order in permutations(script)}
        assert len(beliefs) == 1, f"seed {seed}: {script}"


def test_two_orders_of_one_trade_and_one_list_are_believed_apart() -> None:
    script = (
        fill("t1", 1, 4),
        fill("t1", 1, 10, order="B"),
        fill("t1", 3, 4, CONFIRMED),
        fill("t1", 3, 10, VOID, order="B"),
        listed(5, seen(4)),
        Swept(MARKET, GONE, ("A",), ("B",), "", ns(6), ns(6.1)),
    )
    beliefs = set()
    for order in permutations(script):
        scene = OrderScene()
        scene.send("A")
        scene.send("B")
        for event in order:
            scene.manager.apply(ns(10), event)
        beliefs.add(scene.belief())
        assert (scene.life("A"), scene.life("B")) == (Life.CLOSING, Life.FILLED)
    assert len(beliefs) == 1


def test_what_makers_are_told_adds_up_to_what_is_held() -> None:
    for end, wanted, script, _ in SCRIPTS.values():
        for order in list(permutations(script))[::97]:
            scene = play(end, wanted, order)
            scene.drain()
            told_e6 = sum(r.size_e6 for r in scene.replies if isinstance(r, Fill))
            told_e6 -= sum(r.fill.size_e6 for r in scene.replies if isinstance(r, Voided))
            assert told_e6 == scene.belief()[2][2]  # type: ignore[index]
            assert told_e6 <= 10 * SHARE
