"""The one order in which actions are carried out: what is noted, asked and sent, and when."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from polymm.domain.order import Place, Side, Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.driver import Driver
from polymm.engine.ports import SignedOrder
from polymm.errors import InputError, JournalError

MARKET = "0xc0ffee"
NOW_NS = 1_776_323_400_000_000_000


@dataclass
class Gate:
    is_open: bool = True


@dataclass
class ScriptedEngine:
    """Answers each kind of event with what a test wants, once."""

    gate: Gate = field(default_factory=Gate)
    answers: dict[type, list[act.Action]] = field(default_factory=dict)
    told: list[ev.Event] = field(default_factory=list)
    next_timer_ns: int = 7
    on_rest: Callable[[], None] = lambda: None

    def start(self, now_ns: int) -> Sequence[act.Action]:
        return self.answers.pop(ev.Started, [])

    def step(self, now_ns: int, event: ev.Event) -> Sequence[act.Action]:
        assert now_ns == NOW_NS
        self.told.append(event)
        return self.answers.pop(type(event), [])

    def rest(self) -> None:
        self.on_rest()


@dataclass
class Stage:
    """A driver between a scripted engine, a venue and a journal that note what they are asked.

    Attributes:
        log: Everything that happened outside of the engine, in order.
        unsignable: Numbers of orders that cannot be signed.
        failing: Journal verbs that fail.
        on_sign: Called when an order was signed.
    """

    log: list[str] = field(default_factory=list)
    unsignable: set[int] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)

    def __post_init__(self) -> None:
        self.driver = Driver(self.engine, self, self, lambda: NOW_NS)
        self.on_sign: Any = lambda: None

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.engine.told if type(event) is kind]

    # The venue

    def sign(self, market: str, places: Sequence[Place]) -> Iterator[SignedOrder]:
        for place in places:
            if place.order_id in self.unsignable:
                raise InputError("price_e4 must be on the grid, was 4999")
            self.log.append(f"sign {place.order_id}")
            self.on_sign()
            yield SignedOrder(place, f"0x{place.order_id}", None)

    def write(self, signed: SignedOrder) -> int:
        self.log.append(f"write {signed.order}")
        return NOW_NS + 1

    def cancel(self, orders: Sequence[str]) -> int:
        self.log.append(f"cancel {' '.join(orders)}")
        return NOW_NS + 2

    def sweep(self, market: str) -> None:
        self.log.append(f"sweep {market}")

    def read(self, action: act.Read) -> None:
        self.log.append(f"read {type(action).__name__}")

    def beat(self) -> None:
        self.log.append("beat")

    def merge(self, market: str, pairs_e6: int) -> None:
        self.log.append(f"merge {pairs_e6}")

    def alarm(self, alarm: act.Alarm) -> None:
        self.log.append(f"alarm {alarm.name}")

    def finish(self, finished: act.Finished) -> None:
        self.log.append(f"finish {finished.code}")

    # The journal

    def plan(self, now_ns: int, market: str, place: Place, order: str) -> None:
        if "plan" in self.failing:
            raise JournalError("no space left on the disk")
        self.log.append(f"plan {order}")

    def ask_merge(self, now_ns: int, market: str, pairs_e6: int) -> None:
        if "plan" in self.failing:
            raise JournalError("no space left on the disk")
        self.log.append(f"ask merge {pairs_e6}")

    def note(self, now_ns: int, event: ev.Event, actions: Sequence[act.Action]) -> None:
        if "note" in self.failing:
            raise JournalError("no space left on the disk")
        self.log.append(f"note {type(event).__name__} {len(actions)}")


def place(number: int) -> Place:
    return Place(number, "slug", Token.UP, Side.BUY, 4_900, 10_000_000)


def post(*numbers: int) -> act.Post:
    return act.Post(MARKET, tuple(place(number) for number in numbers))


def posting(*numbers: int, **settings: Any) -> Stage:
    """A driver whose engine wants these orders placed at the next look."""
    stage = Stage(**settings)
    stage.engine.answers[ev.BookChanged] = [post(*numbers)]
    return stage


LOOK = ev.BookChanged(MARKET, 1)


def test_an_order_is_in_the_journal_before_its_bytes_leave() -> None:
    stage = posting(1, 2)
    stage.driver.take(LOOK)
    assert stage.log == [
        "sign 1",
        "plan 0x1",
        "write 0x1",
        "sign 2",
        "plan 0x2",
        "write 0x2",
        "note BookChanged 1",
        "note Signed 0",
        "note Written 0",
        "note Signed 0",
        "note Written 0",
    ], "the first leaves before the second is signed; steps are noted in their order"
    assert stage.told(ev.Signed) == [ev.Signed(1, "0x1"), ev.Signed(2, "0x2")]
    assert stage.told(ev.Written)[0] == ev.Written(("0x1",), NOW_NS + 1)


def test_an_engine_ends_its_step_when_the_bytes_are_out() -> None:
    stage = posting(1)
    stage.engine.on_rest = lambda: stage.log.append("rest")
    stage.driver.take(LOOK)
    assert stage.log[2:5] == ["write 0x1", "rest", "note BookChanged 1"]


def test_a_gate_that_closes_while_an_order_is_signed_keeps_it_back() -> None:
    stage = posting(1, 2)
    stage.on_sign = lambda: setattr(stage.engine.gate, "is_open", "sign 2" not in stage.log)
    stage.driver.take(LOOK)
    assert [line for line in stage.log if line.startswith("write")] == ["write 0x1"]
    (answer,) = stage.told(ev.PlaceAnswered)
    assert answer[:4] == ("0x2", ev.PlaceVerdict.NOT_SENT, "gate_closed", 0)
    assert ev.Signed(2, "0x2") in stage.engine.told, "its hash is in the journal and known"


def test_without_a_journal_nothing_is_sent() -> None:
    stage = posting(1, failing={"plan"})
    stage.driver.take(LOOK)
    assert not [line for line in stage.log if line.startswith("write")]
    (answer,) = stage.told(ev.PlaceAnswered)
    assert (answer.verdict, answer.reason) == (ev.PlaceVerdict.NOT_SENT, "no_journal")
    assert stage.told(ev.JournalFailed) == [ev.JournalFailed("no space left on the disk")]


def test_a_step_that_cannot_be_noted_is_told_once_and_not_for_ever() -> None:
    stage = Stage(failing={"note"})
    stage.driver.take(LOOK)
    assert stage.engine.told == [LOOK, ev.JournalFailed("no space left on the disk")]


def test_a_cancel_does_not_wait_for_the_disk() -> None:
    stage = Stage(failing={"plan", "note"})
    stage.engine.answers[ev.BookChanged] = [act.CancelOrders(("0x1", "0x2"))]
    stage.driver.take(LOOK)
    assert stage.log == ["cancel 0x1 0x2"]
    assert stage.told(ev.CancelWritten) == [ev.CancelWritten(("0x1", "0x2"), NOW_NS + 2)]


def test_what_cannot_be_signed_is_told_and_the_rest_of_it_is_not_sent() -> None:
    stage = posting(1, 2, 3, unsignable={2})
    stage.driver.take(LOOK)
    assert [line for line in stage.log if line.startswith("write")] == ["write 0x1"]
    assert stage.told(ev.Unsigned) == [
        ev.Unsigned((2, 3), "price_e4 must be on the grid, was 4999")
    ]


def test_what_is_told_during_a_step_is_taken_after_it() -> None:
    stage = posting(1)
    stage.on_sign = lambda: stage.driver.take(ev.Kill("file"))
    stage.driver.take(LOOK)
    kinds = [type(event) for event in stage.engine.told]
    assert kinds == [ev.BookChanged, ev.Kill, ev.Signed, ev.Written]


def test_every_action_is_carried_out_and_memos_are_for_the_journal_alone() -> None:
    stage = Stage()
    stage.engine.answers[ev.Started] = [
        act.Sweep(""),
        act.Beat(),
        act.MergePairs(MARKET, 5),
        act.ReadPreflight(),
        act.ReadOpen(""),
        act.ReadOrder("0x1"),
        act.ReadTrades("", 0),
        act.ReadBalances(()),
        act.Alarm("halted", "", "text"),
        act.Finished("stopped", (), "SIGTERM"),
        act.TradesKnown(5),
    ]
    stage.driver.start()
    assert stage.log == [
        "sweep ",
        "beat",
        "ask merge 5",
        "merge 5",
        "read ReadPreflight",
        "read ReadOpen",
        "read ReadOrder",
        "read ReadTrades",
        "read ReadBalances",
        "alarm halted",
        "finish stopped",
        "note Started 11",
    ]
    assert stage.driver.next_timer_ns == 7


def test_a_merge_that_cannot_be_written_down_is_not_asked_for() -> None:
    stage = Stage(failing={"plan"})
    stage.engine.answers[ev.Timer] = [act.MergePairs(MARKET, 5)]
    stage.driver.take(ev.Timer())
    assert stage.log == ["note Timer 1", "note JournalFailed 0", "note MergeFailed 0"]


def test_a_step_that_fails_leaves_the_driver_able_to_go_on() -> None:
    stage = posting(1)

    def fail() -> None:
        raise RuntimeError("the loop is closed")

    stage.on_sign = fail
    with pytest.raises(RuntimeError):
        stage.driver.take(LOOK)
    stage.driver.take(ev.Kill("error"))
    assert stage.told(ev.Kill), "whoever ends the run can still have everything pulled"
