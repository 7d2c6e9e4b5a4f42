"""The parts of a sweep: points, searches, splits, figures, neighbours, the sweep file."""

import math
from pathlib import Path
from random import Random

import pytest

from polymm.errors import ConfigError
from polymm.research.estimates import Estimate
from polymm.research.sweep_figures import Objective, best_of, ranked, trial_figures
from polymm.research.sweep_neighbours import maps, neighbours
from polymm.research.sweep_search import WORTHLESS, make_search
from polymm.research.sweep_space import Choice, Range, drawn, grid
from polymm.research.sweep_split import DAY_NS, HOUR_NS, SplitSettings, split_windows
from polymm.research.sweep_unit import WindowScore
from polymm.research.sweep_verdict import Found, judge_holdout, judge_search
from polymm.runtime.config import Config
from polymm.runtime.sweep_plan import DEFAULT_FILE, configured, plan_sweep, read_sweep

NS = 1_000_000_000
SPACE = (
    Range(key="strategy.k_inv", low=0.0, high=0.03, step=0.01),
    Choice(key="cycle.cycle", options=("timer", "event")),
)
WINDOW_NS = 300 * NS


def always(point: object) -> bool:
    return True


def score(gain: float = 1.0, **more: int | float) -> WindowScore:
    facts = {"rebate_e6": 0, "pnl_e6": 0, "net_max_e6": 0, "uptime": 1.0, "shares_e6": 0}
    return WindowScore(gain=gain, fills_n=1, **(facts | more))  # type: ignore[arg-type]


# Space and searches


def test_a_grid_holds_every_point_that_agrees_with_itself() -> None:
    points = list(grid(SPACE, lambda point: point["strategy.k_inv"] != 0.01))
    assert len(points) == 6
    assert points[0] == {"strategy.k_inv": 0.0, "cycle.cycle": "timer"}
    assert points[-1] == {"strategy.k_inv": 0.03, "cycle.cycle": "event"}


def test_a_drawn_point_is_a_function_of_seed_and_number() -> None:
    points = [drawn(SPACE, always, seed=4, number=k) for k in range(50)]
    assert points == [drawn(SPACE, always, seed=4, number=k) for k in range(50)]
    assert points != [drawn(SPACE, always, seed=5, number=k) for k in range(50)]
    assert {point["strategy.k_inv"] for point in points} == {0.0, 0.01, 0.02, 0.03}


def test_values_stand_on_the_grain_of_their_field() -> None:
    random = Random(1)
    levels = Range(key="a", low=1, high=9, grain=1)
    prices = Range(key="b", low=0.01, high=0.5, grain=1e-4)
    wide = Range(key="c", low=1e-3, high=10.0, log=True)
    for _ in range(100):
        assert isinstance(levels.draw(random), int)
        price = float(prices.draw(random))
        assert price == round(price, 4)
    drawn_n = sum(float(wide.draw(random)) < 0.1 for _ in range(400))
    assert 150 < drawn_n < 250


def test_a_space_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"strategy\.k_inv, cycle\.cycle: expected values that"):
        drawn(SPACE, lambda point: False, seed=1, number=0)
    with pytest.raises(ConfigError, match="a grid needs a step"):
        list(grid([Range(key="a", low=0, high=1)], always))


def test_optuna_learns_from_what_it_is_told_in_order() -> None:
    pytest.importorskip("optuna")
    space = (Range(key="a", low=0.0, high=1.0), Choice(key="b", options=(1, 2)))

    def searched() -> list[float]:
        search = make_search("optuna", space, lambda point: point["b"] == 1, seed=3)
        found: list[float] = []
        for _ in range(10):
            points = search.ask(8)
            search.tell([-abs(float(point["a"]) - 0.3) for point in points])
            found += [float(point["a"]) for point in points]
        return found

    first = searched()
    assert first == searched()
    near = [sum(abs(a - 0.3) < 0.1 for a in part) for part in (first[:24], first[-24:])]
    assert near[1] > near[0]


# Splits


def windows(n: int, coins: int = 1) -> list[tuple[int, int]]:
    return [(k * WINDOW_NS, (k + 1) * WINDOW_NS) for k in range(n) for _ in range(coins)]


def test_twenty_days_are_split_as_documented() -> None:
    spans = windows(20 * 288, coins=2)
    split = split_windows(spans, SplitSettings())
    assert split.scale == 1.0
    assert len(split.holdout) == 0.2 * len(spans)
    assert min(spans[k][0] for k in split.holdout) == 16 * DAY_NS
    # Coins stay together, and an hour lies between whatever chooses and whatever judges.
    assert max(spans[k][1] for k in split.research) == 16 * DAY_NS - HOUR_NS
    assert len(split.embargoed) == 2 * 12
    assert len(split.folds) == 9
    for number, fold in enumerate(split.folds):
        train = [spans[k] for k in fold.train]
        test = [spans[k] for k in fold.test]
        assert min(train)[0] == number * DAY_NS
        assert max(train)[1] == (number + 7) * DAY_NS - HOUR_NS
        assert min(test)[0] == (number + 7) * DAY_NS


def test_less_time_is_split_alike_in_proportion() -> None:
    spans = windows(288)
    split = split_windows(spans, SplitSettings())
    assert 0.05 < split.scale < 0.15
    assert len(split.folds) == 4
    used = [*split.research, *split.embargoed, *split.holdout]
    assert sorted(used) == list(range(288))
    for fold in split.folds:
        gap_ns = spans[fold.test[0]][0] - spans[fold.train[-1]][1]
        assert gap_ns >= WINDOW_NS
        assert not {*fold.train, *fold.test} & {*split.holdout}


def test_too_few_windows_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 10 different window starts, found 9"):
        split_windows(windows(9, coins=3), SplitSettings())


# Figures


def test_a_trial_ranks_by_mean_less_its_spread() -> None:
    assert ranked([1.0, 3.0], 0.5) == pytest.approx(2.0 - 0.5 * math.sqrt(2.0))
    assert ranked([2.0], 0.5) == 2.0


def test_rebates_below_a_dollar_a_day_are_not_paid() -> None:
    scores = [
        score(0.0, rebate_e6=600_000),
        score(0.0, rebate_e6=600_000),
        score(0.0, rebate_e6=900_000),
    ]
    figures = trial_figures(scores, [0, WINDOW_NS, DAY_NS], Objective())
    assert figures.values == (0.6, 0.6, 0.0)


def test_limits_are_told_and_never_chosen_beyond() -> None:
    limits = Objective(net_p95_max=10.0, worst_day_min=-5.0, uptime_min=0.5)
    starts = [0, DAY_NS]
    good = trial_figures([score(1.0), score(1.0)], starts, limits)
    net = trial_figures([score(9.0, net_max_e6=11_000_000), score(9.0)], starts, limits)
    day = trial_figures([score(9.0, pnl_e6=-6_000_000), score(9.0)], starts, limits)
    idle = trial_figures([score(9.0, uptime=0.1), score(9.0, uptime=0.2)], starts, limits)
    assert net.beyond == {"net_p95_max": (11.0, 10.0)}
    assert day.beyond == {"worst_day_min": (-6.0, -5.0)}
    assert idle.beyond == {"uptime_min": (pytest.approx(0.15), 0.5)}
    assert best_of([good, net, day, idle]) == 0
    assert best_of([net, day, good, idle, good]) == 2
    assert good.told() == 1.0
    assert idle.told() < day.told() < -1e5


@pytest.mark.parametrize("limit", [0.0, -0.001, -20.0])
def test_the_further_beyond_a_limit_the_worse_and_never_worse_than_no_point(limit: float) -> None:
    limits = Objective(worst_day_min=limit, net_p95_max=0.0)
    days = (0.0, -20.5, -21.0, -5_000.0, -1e6)
    kept, *broken = (
        trial_figures([score(-9e6 if not day else 9.0, pnl_e6=round(day * 1e6))], [0], limits)
        for day in days
    )
    assert kept.told() == kept.score == -9e6
    told = [kept.told(), *(one.told() for one in broken)]
    assert told == sorted(set(told), reverse=True)
    both = trial_figures([score(9.0, pnl_e6=-5_000_000_000, net_max_e6=10**9)], [0], limits)
    assert WORTHLESS < both.told() < broken[2].told()
    assert told[-1] > WORTHLESS


# Neighbours


def test_neighbours_and_maps_show_what_is_near_the_chosen_one() -> None:
    points = [{}, *grid(SPACE, always)]
    trials = [trial_figures([score(float(k))] * 2, [0, 1], Objective()) for k in range(9)]
    near = neighbours(SPACE, points, trials, 8)
    assert near["n"] == 7
    assert near["trials"][0] == 6
    # The same points once more are no neighbours, neither of themselves nor of each other.
    assert neighbours(SPACE, [*points, *points[1:]], [*trials, *trials[1:]], 8) == near
    (one,) = maps(SPACE, points, trials, 8)
    assert one.x_names == ("0", "0.01", "0.02", "0.03")
    assert one.scores == ((1.0, 3.0, 5.0, 7.0), (2.0, 4.0, 6.0, 8.0))
    assert one.best == (1, 3)


# The file


def test_the_built_in_file_is_sound_and_flags_win() -> None:
    file = read_sweep(None, {"trials": 7, "search": None})
    assert file.sweep.trials == 7
    assert file.sweep.search == "random"
    assert len(file.space) == DEFAULT_FILE.count("strategy.") + DEFAULT_FILE.count("cycle.cycle")
    point = drawn(file.space, always, seed=1, number=0)
    assert configured(Config(), point).strategy.k_inv == point["strategy.k_inv"]


@pytest.mark.parametrize(("flag", "value"), [("trials", 0), ("batch", 0), ("seed", -1)])
def test_a_flag_is_blamed_for_itself_and_the_file_for_its_own(
    tmp_path: Path, flag: str, value: int
) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text("[sweep]\nblock = 0\n[space]\nstrategy.k_inv = [0.1]\n")
    with pytest.raises(ConfigError, match=rf"\A--{flag} must be a whole number .*, was {value}\Z"):
        read_sweep(None, {flag: value})
    with pytest.raises(ConfigError) as caught:
        read_sweep(path, {flag: value})
    faults = sorted(str(caught.value).splitlines())
    assert [fault.split(" must be")[0] for fault in faults] == [
        f"--{flag}", f"{path}: sweep.block"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("strategy.k_invv = { low = 0, high = 1 }", "unknown key; the nearest is strategy.k_inv"),
        ("venue.cash = { low = 1, high = 2 }", "only strategy, cycle are searched"),
        (
            "strategy.k_inv = { low = 0.0, high = 2.0 }",
            r"within 0\.\.1 \(dollars\), was 0.0 to 2.0",
        ),
        ("strategy.k_inv = { low = 0.5, high = 0.1 }", "must lie between two numbers"),
        ("strategy.k_inv = { low = 0.1, hihg = 0.2 }", "must be a table of low and high"),
        ("strategy.depth_lookback = { low = 1, high = 9, step = 0.5 }", "a multiple of 1 and fits"),
        ("strategy.k_inv = { low = 0.0, high = 0.1, step = nan }", "step that is a multiple of"),
        ("strategy.k_inv = { low = 0.0, high = 0.1, step = inf }", "step that is a multiple of"),
        ("strategy.k_inv = { low = 1e-8, high = 2e-7, log = true }", "two multiples of 1e-06"),
        ("strategy.k_inv = { low = 0.0, high = 0.1, log = true }", "log only above 0"),
        ('cycle.cycle = ["timer", "sometimes"]', 'each one of "timer", "event"'),
        ("cycle.cycle = { low = 1, high = 2 }", "must be a list of values"),
        ("strategy.k_inv = [0.1, 0.1]", "must name each value once"),
        ("", "must name at least one value"),
        ("strategy.k_inv = [0.1]\n[limits]\nuptime = 1", r"limits\.uptime: unknown; there are"),
        (
            "strategy.k_inv = [0.1]\n[limits]\nuptime_min = nan",
            r"limits\.uptime_min must be a",
        ),
        ("strategy.k_inv = [0.1]\n[[sweep]]\ntrials = 1", r"sweep must be a section \[sweep\]"),
        (
            "strategy.k_inv = [0.1]\n[[limits]]\nuptime_min = 1",
            r"limits must be a section \[",
        ),
        ("strategy.k_inv = [0.1]\n[sweep]\ntrials = 0", r"sweep\.trials must be a whole number"),
        ("strategy.k_inv = [0.1]\n[sweeps]\ntrials = 1", "unknown section sweeps"),
        ("strategy.k_inv = ", "not valid TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(f"[space]\n{text}\n")
    with pytest.raises(ConfigError, match=fault):
        read_sweep(path, {})


def test_a_grid_that_nobody_could_run_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    keys = ("k_inv", "k_imb", "min_spread", "max_spread")
    path.write_text("[space]\n" + "\n".join(
        f"strategy.{key} = {{ low = 0.001, high = 0.051, step = 0.0005 }}" for key in keys
    ))  # fmt: skip
    file = read_sweep(path, {"search": "grid", "trials": 10})
    with pytest.raises(ConfigError, match=r"a grid of 1\.\.10 points .* found more"):
        plan_sweep(Config(), file, tmp_path)


# The verdict


def found(**changes: float) -> Found:
    facts = {"best": 1, "sharpe": 0.5, "sharpe_luck": 0.1, "dsr": 0.99, "pbo": 0.0}
    none = Estimate(math.nan, math.nan, 0)
    return Found(**(facts | changes), walk=none, walk_chosen=())  # type: ignore[arg-type]


def test_a_search_is_judged_by_windows_and_not_by_coins() -> None:
    """Two coins that do the same in each window: twice the markets, no more that say anything."""
    random = Random(2)
    gains = [[random.gauss(mean, 1.0) for _ in range(40)] for mean in (0.3, 0.1, 0.2)]
    judged = []
    for coins in (1, 2):
        spans = windows(40, coins)
        starts = [start for start, _ in spans]
        trials = [
            trial_figures([score(g) for g in one for _ in range(coins)], starts, Objective())
            for one in gains
        ]
        judged.append(judge_search(trials, starts, split_windows(spans, SplitSettings()),
                                   Objective()))  # fmt: skip
    one, two = judged
    assert one.best == two.best
    assert 0.0 < one.dsr < 0.99
    assert (two.sharpe, two.dsr) == (pytest.approx(one.sharpe), pytest.approx(one.dsr))


@pytest.mark.parametrize(
    ("changes", "touches", "doubt"),
    [
        ({}, 1, ""),
        ({"dsr": 0.1}, 1, ""),
        ({"dsr": 0.1}, 2, "were looked at 2 times, and the deflated Sharpe ratio is 0.10"),
        ({"pbo": 0.21}, 1, "probability of overfitting 0.21, above 0.2"),
        ({"pbo": math.nan}, 1, "too few windows or trials"),
        ({"best": 0}, 1, "no trial is better than the default"),
    ],
)
def test_untouched_windows_do_not_speak_alone(
    changes: dict[str, float], touches: int, doubt: str
) -> None:
    starts = list(range(20))
    default = trial_figures([score(0.1)] * 20, starts, Objective())
    good = trial_figures([score(1.0 + 0.1 * (k % 2)) for k in range(20)], starts, Objective())
    verdict = judge_holdout(found(**changes), good, default, starts, touches=touches)
    assert bool(verdict.doubts) == bool(doubt)
    assert doubt in verdict.sentence
    assert verdict.sentence.startswith("found no edge" if doubt else "better than the default")
    # Few windows may agree by chance.
    few = [trial_figures([score(1.0 + k)] * 5 + [score(k)] * 4, starts[:9], Objective())
           for k in (0.1, 2.0)]  # fmt: skip
    short = judge_holdout(found(), few[1], few[0], starts[:9], touches=1)
    assert "only 9 untouched window starts, 10 are the least" in short.sentence
    # What is no better than the default, or than nothing, is none whatever the search says.
    same = judge_holdout(found(), default, default, starts, touches=1)
    assert "on untouched windows, t unknown, 3 is asked" in same.sentence
    poor = trial_figures([score(-1.0 + 0.1 * (k % 2)) for k in range(20)], starts, Objective())
    worse = trial_figures([score(-9.0)] * 20, starts, Objective())
    assert "by itself" in judge_holdout(found(), poor, worse, starts, touches=1).sentence
