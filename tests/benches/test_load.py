"""The bench of load can fail: on loss, growth, disorder and lag, and on nothing else."""

from argparse import Namespace
from collections import Counter

import pytest
import uvloop

from benches.path.load import Ear, Feeds, Figures, judge, percentile, run
from benches.path.load_sender import SenderProcess, load_sender
from polymm.venues.polymarket.user_reading import read_user_frame

SHORT = Namespace(
    rate=2_000, seconds=0.3, burst_rate=5_000, burst_seconds=0.2, websocket="websockets",
    lenient=True,
)  # fmt: skip


def test_all_that_is_sent_is_heard_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WARM_UP_S", 0.1), ("CALM_S", 0.1), ("AFTER_S", 0.1)):
        monkeypatch.setattr(f"benches.path.load.{name}", value)
    with load_sender() as sender:
        figures = uvloop.run(run(SHORT, sender))
        sent, user_sent = sender.sent()
    assert figures.faults == []
    assert figures.messages >= sent + 16, "two books a market and line"
    assert sent > 1_000
    assert user_sent > 5
    assert [line.split(":")[0] for line in figures.lines[:4]] == [
        "warm-up", "steady", "burst", "after it",
    ]  # fmt: skip


class Calm(Feeds):
    def __init__(self, received: int, faults: dict[str, int]) -> None:
        self.__dict__.update(told=received, wrong=faults)

    def received(self) -> int:
        return self.__dict__["told"]

    def faults(self) -> dict[str, int]:
        return self.__dict__["wrong"]


class Said(SenderProcess):
    def __init__(self) -> None:
        pass

    def sent(self) -> tuple[int, int]:
        return 1_000, 10


@pytest.mark.parametrize(
    ("received", "faults", "heard", "gaps", "growth", "found"),
    [
        (1_016, {}, 10, 0, 8_192, []),
        (1_015, {}, 10, 0, 0, ["1 of 1000 market messages lost"]),
        (1_016, {}, 9, 0, 0, ["1 of 10 user events lost"]),
        (1_016, {}, 10, 2, 0, ["2 user events out of turn"]),
        (1_016, {"resync_crossed": 1}, 10, 0, 0, ["without reason: {'resync_crossed': 1}"]),
        (1_016, {}, 10, 0, 8_193, ["grew by 8,193 KiB"]),
    ],
)
def test_what_is_not_wanted_is_a_fault(
    received: int, faults: dict[str, int], heard: int, gaps: int, growth: int, found: list[str]
) -> None:
    figures = Figures(messages=received, growth_kib=growth)
    judge(figures, Calm(received, faults), Ear(heard=heard, gaps=gaps), Said(), is_lenient=False)
    assert figures.faults == found


def test_user_events_are_numbered_without_a_gap() -> None:
    from benches.path.load_sender import Built, order_event

    built, ear = Built(order_event()), Ear()
    for number in (0, 1, 3):
        frame = built.numbered(number)[4:]
        ear.on_event(read_user_frame(frame).events[0], 0)
    assert (ear.heard, ear.gaps) == (3, 1)


def test_percentiles_of_lags() -> None:
    lags = Counter({1: 98, 5: 1, 70: 1})
    assert [percentile(lags, share) for share in (0.5, 0.99, 1.0)] == [1, 5, 70]
    assert percentile(Counter(), 0.5) == 0
