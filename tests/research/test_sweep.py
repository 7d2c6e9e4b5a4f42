"""Sweeps: one result however they ran, one look at untouched windows, an honest verdict."""

import json
from pathlib import Path

import pytest

from benches.sweep_scenes import CONFIG, SPACE, make_tape, make_tapes
from polymm.errors import ConfigError, RecordingError, StoreError
from polymm.research.sweep import run_sweep
from polymm.research.sweep_page import sweep_page
from polymm.research.sweep_report import sweep_lines, sweep_record
from polymm.research.sweep_store import SweepStore
from polymm.runtime.config import Config
from tests.support.sweep_scene import HerePool, killed_sweep, plan, stored, text_of


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tapes(tmp_path_factory.mktemp("sweep") / "edge", 54, "edge")


@pytest.fixture(scope="module")
def whole(tapes: Path) -> tuple[str, list[tuple[object, ...]]]:
    """The sweep that nothing happened to: its result, its store."""
    made, store = plan(tapes), tapes.parent / "whole.db"
    return text_of(made, run_sweep(made, store, HerePool())), stored(store)


def test_the_order_in_which_units_come_back_changes_nothing(
    tapes: Path, whole: tuple[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    made = plan(tapes)
    for seed in (1, 2):
        store = tmp_path / f"{seed}.db"
        assert text_of(made, run_sweep(made, store, HerePool(seed))) == whole[0]
        assert stored(store) == whole[1]


def test_a_sweep_that_was_killed_twice_ends_as_if_it_had_not_been(
    tapes: Path, whole: tuple[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    made, store = plan(tapes), tmp_path / "killed.db"
    assert killed_sweep(made, store, 23) == -9
    assert killed_sweep(made, store, 41) == -9
    done = len([row for row in stored(store) if row[0] == "units"])
    assert done == 23 + 41
    pool = HerePool(5)
    assert text_of(made, run_sweep(made, store, pool)) == whole[0]
    assert stored(store) == whole[1]
    # What had been stored was not run again.
    assert len(pool.units) == len([row for row in whole[1] if row[0] == "units"]) - done


def test_optuna_says_the_same_after_a_kill(tapes: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    made = plan(tapes, search="optuna", trials=14, batch=4)
    whole = text_of(made, run_sweep(made, tmp_path / "a.db", HerePool()))
    assert killed_sweep(made, tmp_path / "b.db", 95) == -9
    assert text_of(made, run_sweep(made, tmp_path / "b.db", HerePool(3))) == whole
    told = [row[3] for row in stored(tmp_path / "b.db") if row[0] == "trials"]
    assert len(told) == 15
    assert None not in told


def test_a_known_edge_is_found_on_untouched_windows(
    whole: tuple[str, list[tuple[object, ...]]],
) -> None:
    found = json.loads(whole[0])
    assert found["verdict"].startswith("better than the default on untouched windows: +0.")
    assert found["is_better"]
    assert found["best"]["point"]["strategy.min_spread"] == 0.06
    assert found["holdout"]["over_default"]["t"] > 3.0
    assert found["walk_forward"]["t"] > 3.0
    assert found["search"]["overfitting"] == 0.0


def test_where_every_fill_loses_no_edge_is_found(tmp_path: Path) -> None:
    made = plan(make_tapes(tmp_path / "none", 54, "loss"))
    found = json.loads(text_of(made, run_sweep(made, tmp_path / "none.db", HerePool())))
    assert found["verdict"].startswith("found no edge: by itself it makes -")
    assert not found["is_better"]
    # It loses less than the default does, which is no reason to trade.
    assert found["holdout"]["over_default"]["t"] > 3.0


def test_where_the_best_earns_nothing_but_luck_no_edge_is_found(tmp_path: Path) -> None:
    made = plan(make_tapes(tmp_path / "luck", 54, "luck"))
    found = json.loads(text_of(made, run_sweep(made, tmp_path / "luck.db", HerePool())))
    assert "no edge: by itself it makes" in found["verdict"]
    # The best set is the best one, only that it is worth nothing: |t| is that of noise.
    assert found["best"]["point"]["strategy.min_spread"] == 0.06
    assert found["holdout"]["over_default"]["t"] > 3.0
    assert abs(found["holdout"]["own"]["t"]) < 3.0


def test_where_no_value_matters_no_edge_is_found(tapes: Path, tmp_path: Path) -> None:
    space = SPACE.partition("[space]")[0] + "[space]\nstrategy.scale1 = { low = 0.1, high = 0.3 }"
    made = plan(tapes, space)
    found = json.loads(text_of(made, run_sweep(made, tmp_path / "same.db", HerePool())))
    assert found["best"] == {"trial": 0, "point": {}}
    assert "no trial is better than the default" in found["verdict"]


def test_untouched_windows_are_looked_at_once(tapes: Path, tmp_path: Path) -> None:
    store = tmp_path / "touch.db"
    few = plan(tapes, trials=1)
    first = run_sweep(few, store, HerePool())
    assert first is not None
    assert first.verdict is not None
    assert first.verdict.touches == 1
    # More trials choose another set: it may not choose by the same untouched windows again.
    more = plan(tapes)
    second = run_sweep(more, store, HerePool())
    assert second is not None
    assert second.found.best != first.found.best
    assert second.verdict is None
    assert "no verdict: the untouched windows were looked at with trial" in text_of(more, second)
    third = run_sweep(more, store, HerePool(), touch_again=True)
    assert third is not None
    assert third.verdict is not None
    assert third.verdict.touches == 2
    assert third.touched_before == first.found.best
    lines = dict(sweep_lines(sweep_record(more, third)))
    assert lines[""] == "LOOKED AT 2 TIMES: no longer untouched"
    assert "windows looked at 2 x" in lines["verdict"]


def test_another_sweep_is_refused_by_name(tapes: Path, tmp_path: Path) -> None:
    store = tmp_path / "first.db"
    run_sweep(plan(tapes, trials=1), store, HerePool())
    changed = Config.model_validate(CONFIG.model_dump() | {"venue": {"cash": 99.0}})
    with pytest.raises(ConfigError, match=r"configuration was \w{12}, is \w{12}"):
        run_sweep(plan(tapes, config=changed, trials=1), store, HerePool())
    with pytest.raises(ConfigError, match=r"sweep\.seed was 1, is 2"):
        run_sweep(plan(tapes, trials=1, seed=2), store, HerePool())
    with pytest.raises(ConfigError, match=r"space was .*, is "):
        run_sweep(plan(tapes, SPACE.replace("0.06", "0.05"), trials=1), store, HerePool())


def test_of_two_long_texts_the_part_that_differs_is_shown(tapes: Path, tmp_path: Path) -> None:
    store = tmp_path / "first.db"
    run_sweep(plan(tapes, trials=1), store, HerePool())
    with pytest.raises(
        ConfigError, match=r'max_spread".* "high": 0\.08, .*, is .*max_spread".* "high": 0\.06, '
    ):
        run_sweep(plan(tapes, SPACE.replace("0.08", "0.06"), trials=1), store, HerePool())


@pytest.mark.parametrize("place", [0, 50, 99, 140, 299])
def test_texts_of_any_length_differ_where_they_are_shown(tmp_path: Path, place: int) -> None:
    text = "x" * 300
    was, found = text[:place] + "a" + text[place:], text[:place] + "b" + text[place:]
    with SweepStore(tmp_path / "s.db", {"venue": was}, []):
        pass
    for other in (found, text[:place]):
        with pytest.raises(ConfigError) as caught:
            SweepStore(tmp_path / "s.db", {"venue": other}, [])
        said, now = str(caught.value).splitlines()[0].partition("venue was ")[2].split(", is ")
        assert said != now
        assert max(len(said), len(now)) <= 106


def test_other_tapes_are_refused_by_name(tmp_path: Path) -> None:
    folder = make_tapes(tmp_path / "tapes", 20, "edge")
    store = tmp_path / "first.db"
    run_sweep(plan(folder, trials=1), store, HerePool())
    make_tapes(folder, 1, "edge", seed=2)
    with pytest.raises(
        RecordingError, match=r"tape 0 was btc-updown-1m-1800000000 \(\w+, research\)"
    ):
        run_sweep(plan(folder, trials=1), store, HerePool())


def test_one_sweep_at_a_time_writes_to_a_store(tapes: Path, tmp_path: Path) -> None:
    store, made = tmp_path / "one.db", plan(tapes, trials=1)

    def again() -> bool:
        with pytest.raises(StoreError, match="another sweep writes to it"):
            run_sweep(made, store, HerePool())
        return True

    assert run_sweep(made, store, HerePool(), stop=again) is None
    (tmp_path / "text.db").write_text("not a database, and long enough to be one of something")
    with pytest.raises(StoreError, match="file is not a database"):
        run_sweep(made, tmp_path / "text.db", HerePool())


def test_what_is_not_run_is_counted(tmp_path: Path) -> None:
    from dataclasses import replace

    from polymm.research.tape_file import write_tape

    folder = make_tapes(tmp_path / "tapes", 20, "edge")
    write_tape(folder / "x.tape", replace(make_tape(30, "edge"), outcome=None), "none")
    write_tape(folder / "y.tape", replace(make_tape(31, "edge"), has_trades=False), "none")
    write_tape(folder / "z.tape", make_tape(3, "edge"), "none")
    made = plan(folder, trials=1)
    record = sweep_record(made, run_sweep(made, tmp_path / "s.db", HerePool()))  # type: ignore[arg-type]
    assert record["windows"]["excluded"] == {"no_outcome": 1, "no_trades": 1}
    assert [name for name, _ in record["windows"]["unused"]] == ["z.tape"]
    text = dict(sweep_lines(record))["windows"]
    assert text.endswith("1 excluded (no_outcome), 1 excluded (no_trades), 1 not used")


def test_the_page_holds_its_maps_and_asks_nobody(tapes: Path, tmp_path: Path) -> None:
    made = plan(tapes)
    result = run_sweep(made, tmp_path / "page.db", HerePool())
    assert result is not None
    page = sweep_page(made, result, sweep_record(made, result))
    for text in ("strategy.max_spread", "better than the default", "score,\\u003cbr>$/window"):
        assert text in page
    assert "default-src 'none'" in page
    assert 'src="http' not in page
