"""Timing, goals and tables: the arithmetic behind the printed figures."""

import json

import pytest

from benches.goals import Goal, book_goals
from benches.peers import roster
from benches.report import Table, as_json, goals_text, table_text, verdict
from benches.timing import Contender, Sample, Skipped, measure


def _samples(**median_ns: float) -> dict[str, Sample]:
    return {name: Sample(value, value, 3) for name, value in median_ns.items()}


def test_each_round_times_every_contender_once_on_fresh_state() -> None:
    prepared: list[str] = []

    def contender(name: str) -> Contender:
        def prepare():
            prepared.append(name)
            return lambda: None

        return Contender(name, prepare, 10)

    samples = measure([contender("a"), contender("b")], rounds=5, slice_ns=1)
    # Two warm-up passes, then one a round.
    assert prepared.count("a") == prepared.count("b") == 7
    assert samples["a"].rounds == 5
    assert 0 <= samples["a"].min_ns <= samples["a"].median_ns


def test_contenders_are_shuffled_by_the_seed_alone() -> None:
    def order(seed: int) -> list[str]:
        seen: list[str] = []

        def contender(name: str) -> Contender:
            return Contender(name, lambda: lambda: seen.append(name), 1)

        measure([contender(name) for name in "abcdef"], rounds=4, seed=seed, slice_ns=1)
        return seen

    assert order(1) == order(1)
    assert order(1) != order(2)


@pytest.mark.parametrize(
    ("value", "at_most", "expected"),
    [
        (21.0, False, "ok"),
        (18.0, False, "short of the aim"),
        (16.0, False, "below the floor"),
        (13.5, False, "FAILS THE GATE"),
        (None, False, "not measured"),
        (22.0, True, "FAILS THE GATE"),
        (18.0, True, "below the floor"),
    ],
)
def test_the_verdict_follows_gate_floor_and_aim(
    value: float | None, at_most: bool, expected: str
) -> None:
    goal = Goal(text="it", value=value, floor=17, aim=None if at_most else 20, at_most=at_most)
    assert verdict(goal) == expected


def test_the_distance_is_room_over_the_limit() -> None:
    assert Goal(text="", value=34, floor=17, aim=None).distance(17) == pytest.approx(1.0)
    at_most = Goal(text="", value=1.1, floor=2.2, aim=None, at_most=True)
    assert at_most.distance(2.2) == pytest.approx(0.5)


def test_goals_compare_with_the_fastest_peer_that_is_there() -> None:
    changes = _samples(**{roster.POLYMM: 100.0, "orjson + dict": 3_000.0, "json + dict": 9_000.0})
    first = book_goals(changes, changes)[0]
    assert first.value == pytest.approx(30.0)
    assert "orjson + dict" in first.text


def test_a_skipped_peer_is_named_with_the_extra_that_brings_it() -> None:
    table = Table(
        title="A",
        base="polymm",
        columns={"book": _samples(polymm=1_000.0, slow=25_000.0)},
        skipped=[Skipped("msgspec typed + dict", "msgspec")],
    )
    text = table_text(table)
    assert "msgspec is not installed (pip install '.[bench]')" in text
    assert "25.00" in text


def test_the_json_form_holds_what_is_printed() -> None:
    table = Table(title="A", base="polymm", columns={"book": _samples(polymm=10.0, slow=50.0)})
    goal = Goal(text="it", value=5.0, floor=4, aim=6)
    given = json.loads(json.dumps(as_json({"python": "3"}, [table], [goal])))
    assert given["tables"][0]["columns"]["book"]["slow"]["ratio"] == 5.0
    assert given["goals"][0]["passes"] is True
    assert "short of the aim" in goals_text([goal])
