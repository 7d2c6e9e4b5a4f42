"""Points that are tried: none twice by chance, and a second try of one is no second try of luck."""

import json
from pathlib import Path
from random import Random

import pytest

from benches.sweep_scenes import SPACE as SCENE
from benches.sweep_scenes import make_tapes
from polymm.research import sweep_space
from polymm.research.sweep import Moment, run_sweep
from polymm.research.sweep_figures import Objective, trial_figures
from polymm.research.sweep_report import sweep_lines, sweep_record
from polymm.research.sweep_search import make_search
from polymm.research.sweep_space import Choice, Draws, Point, Range, distinct, drawn, spelled
from polymm.research.sweep_split import SplitSettings, split_windows
from polymm.research.sweep_unit import WindowScore
from polymm.research.sweep_verdict import judge_search
from tests.support.sweep_scene import HerePool, killed_sweep, plan, stored, text_of

NS = 1_000_000_000
SPACE = (
    Range(key="a", low=0.0, high=0.05, step=0.01),
    Range(key="b", low=1, high=4, grain=1),
    Range(key="c", low=0.1, high=0.104, grain=1e-3, log=True),
    Choice(key="d", options=("timer", "event")),
)
POINTS_N = 6 * 4 * 5 * 2


# Of a score behind its gain.
REST = (0, 0, 0, 0.5, 0, 0)
THREE = f"{SCENE.partition('[space]')[0]}[space]\nstrategy.max_spread = [0.02, 0.04, 0.06]\n"


def is_sound(point: Point) -> bool:
    return point["b"] != 2 or point["d"] == "timer"


SOUND_N = POINTS_N - 6 * 5


def test_chance_says_every_point_once_and_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # Few draws each: the last points are those that are listed.
    monkeypatch.setattr(sweep_space, "DRAWS_MAX", 5)
    search = make_search("random", SPACE, is_sound, seed=7)
    points = search.ask(SOUND_N - 1)
    assert len(points) == SOUND_N - 1
    points += search.ask(64)
    assert len(points) == len({spelled(point) for point in points}) == SOUND_N
    assert all(map(is_sound, points))
    assert search.ask(3) == []


def test_a_point_depends_on_seed_and_number_and_not_on_how_many_were_asked() -> None:
    whole = make_search("random", SPACE, is_sound, seed=3).ask(SOUND_N)
    search, parts = make_search("random", SPACE, is_sound, seed=3), []
    for n in (1, 7, 64, 64, 64, 64):
        parts += search.ask(n)
    assert parts == whole
    assert make_search("random", SPACE, is_sound, seed=4).ask(SOUND_N) != whole
    # Where nothing was drawn before it is what chance says first.
    assert whole[0] == drawn(SPACE, is_sound, seed=3, number=0)


def test_a_space_too_large_to_be_listed_is_drawn_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_space, "LISTED_MAX", 1)
    draws = Draws([Choice(key="a", options=(1, 2))], lambda point: True, seed=1)
    points = [draws.next() for _ in range(5)]
    assert None not in points
    assert {point["a"] for point in points[:2] if point} == {1, 2}


def test_a_point_that_is_tried_again_is_no_more_luck() -> None:
    random = Random(5)
    spans = [(k * 300 * NS, (k + 1) * 300 * NS) for k in range(60)]
    starts = [start for start, _ in spans]
    means = (0.0, 0.3, 0.1, 0.2, -0.1)
    scores = [[WindowScore(random.gauss(one, 1.0), *REST) for _ in spans] for one in means]
    split = split_windows(spans, SplitSettings())

    def judged(numbers: list[int], points: list[Point] | None) -> tuple[float, ...]:
        trials = [trial_figures(scores[n], starts, Objective()) for n in numbers]
        found = judge_search(trials, starts, split, Objective(), points=points)
        return found.best, found.sharpe, found.sharpe_luck, found.dsr, found.pbo

    points: list[Point] = [{}, {"a": 1}, {"a": 2}, {"a": 3}, {"a": 4}]
    once = judged([0, 1, 2, 3, 4], points)
    assert once == judged([0, 1, 2, 3, 4], None)
    numbers = [0, 1, 2, 1, 3, 4, 4, 1]
    again = [points[n] for n in numbers]
    assert distinct(again) == [0, 1, 2, 4, 5]
    assert judged(numbers, again) == once
    assert judged(numbers, None) != once


def test_a_search_ends_with_the_last_point_and_says_so(tmp_path: Path) -> None:
    """And ends in the same result after a kill, and whatever the order of its units was."""
    folder = make_tapes(tmp_path / "tapes", 20, "edge")
    made = plan(folder, THREE, trials=9)
    seen: list[Moment] = []
    result = run_sweep(made, tmp_path / "a.db", HerePool(), watch=seen.append)
    assert result is not None
    assert len({spelled(point) for point in result.points}) == len(result.points) == 4
    assert (seen[-1].trials_done, seen[-1].trials_n) == (3, 3)
    whole = text_of(made, result)
    lines = dict(sweep_lines(sweep_record(made, result)))
    assert lines["search"] == "random, 3 trials of 9: there are no other points, seed 1"
    assert killed_sweep(made, tmp_path / "b.db", 5) == -9
    assert text_of(made, run_sweep(made, tmp_path / "b.db", HerePool(4))) == whole
    assert stored(tmp_path / "b.db") == stored(tmp_path / "a.db")


def test_points_that_optuna_says_again_are_counted_apart(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    folder = make_tapes(tmp_path / "tapes", 20, "edge")
    made = plan(folder, THREE, search="optuna", trials=9)
    result = run_sweep(made, tmp_path / "a.db", HerePool())
    assert json.loads(text_of(made, result))["search"]["distinct"] == 3
    assert result is not None
    lines = dict(sweep_lines(sweep_record(made, result)))
    assert lines["search"] == "optuna, 9 trials of 3 points, seed 1"
