"""Who runs the units: processes that die, a scheduler's workers, one that goes away."""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benches.sweep_scenes import make_tapes
from polymm.errors import RecordingError, UsageError, WorkerError
from polymm.research.sweep import Moment, SweepPlan, run_sweep
from polymm.research.sweep_pool import DEATHS_MAX, DaskPool, LocalPool
from polymm.research.sweep_unit import Unit, WindowScore, run_unit
from tests.support.sweep_scene import HerePool, plan, stored, text_of

TRIALS = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SweepPlan:
    return plan(make_tapes(tmp_path_factory.mktemp("pool") / "edge", 40, "edge"), trials=TRIALS)


def units(made: SweepPlan, n: int = 1) -> list[Unit]:
    tapes = tuple((tape.path, tape.digest) for tape in made.tapes.tapes[:2])
    settings = made.settings_of({})
    return [
        Unit(trial=k, block=0, settings=settings, venue=made.venue, tapes=tapes) for k in range(n)
    ]


def test_a_worker_that_dies_costs_nothing_but_time(made: SweepPlan, tmp_path: Path) -> None:
    whole = text_of(made, run_sweep(made, tmp_path / "whole.db", HerePool()))
    pool, seen = LocalPool(2), []

    def watch(moment: Moment) -> None:
        seen.append(moment)
        if len(seen) == 10:
            assert pool._executor is not None
            os.kill(next(iter(pool._executor._processes)), signal.SIGKILL)

    try:
        result = run_sweep(made, tmp_path / "died.db", pool, watch=watch)
    finally:
        pool.close()
    assert text_of(made, result) == whole
    assert stored(tmp_path / "died.db") == stored(tmp_path / "whole.db")
    assert seen[-1].units_done == seen[-1].units_n
    assert seen[-1].trials_done == TRIALS


def test_a_worker_that_dies_while_nobody_waits_loses_no_unit(made: SweepPlan) -> None:
    pool, done = LocalPool(1), []
    for unit, _ in pool.run(units(made, 8), lambda: False):
        done.append(unit.trial)
        if len(done) == 2:
            assert pool._executor is not None
            (process,) = pool._executor._processes.values()
            process.kill()
            # It is found broken before the next unit is handed over.
            manager = pool._executor._executor_manager_thread
            assert manager is not None
            manager.join(10.0)
    pool.close()
    assert sorted(done) == list(range(8))


@pytest.mark.parametrize("fault", [ConnectionRefusedError, EOFError])
def test_the_server_that_makes_workers_may_die_too(
    made: SweepPlan, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    faults = [fault("no server")]

    class Served(ProcessPoolExecutor):
        def submit(self, *asked: Any, **more: Any) -> Any:
            if faults:
                raise faults.pop()
            return super().submit(*asked, **more)

    monkeypatch.setattr("polymm.research.sweep_pool.ProcessPoolExecutor", Served)
    pool = LocalPool(1)
    done = sorted(unit.trial for unit, _ in pool.run(units(made, 3), lambda: False))
    pool.close()
    assert done == [0, 1, 2]


def test_a_unit_that_kills_every_worker_ends_the_sweep(made: SweepPlan) -> None:
    class Deadly(LocalPool):
        def _submit(self, unit: Unit) -> Any:
            future = super()._submit(unit)
            assert self._executor is not None
            for pid in list(self._executor._processes):
                os.kill(pid, signal.SIGKILL)
            return future

    pool = Deadly(1)
    with pytest.raises(WorkerError, match=f"died {DEATHS_MAX} times in a row, last with trial 0"):
        list(pool.run(units(made), lambda: False))
    pool.close()


def test_a_worker_with_another_tape_refuses(made: SweepPlan) -> None:
    (unit,) = units(made)
    path, _ = unit.tapes[0]
    with pytest.raises(RecordingError, match="expected the tape 00 of the sweep, found"):
        run_unit(Unit(trial=0, block=0, settings=unit.settings, venue=unit.venue,
                      tapes=((path, "00"),)))  # fmt: skip


def local_cluster(n_workers: int) -> Any:
    distributed = pytest.importorskip("distributed")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed.LocalCluster(
        n_workers=n_workers, processes=False, threads_per_worker=1, dashboard_address=None,
        protocol="tcp", host="127.0.0.1",
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_a_dask_scheduler_gives_the_same_and_may_go_away(
    made: SweepPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polymm.research.sweep_pool.DIAL_S", 2.0)
    whole = text_of(made, run_sweep(made, tmp_path / "whole.db", HerePool()))
    with local_cluster(2) as cluster:
        pool, seen = DaskPool(cluster.scheduler_address), []
        assert pool.workers == 2

        def end_one(moment: Moment) -> None:
            seen.append(moment)
            if len(seen) == 10:
                cluster.sync(next(iter(cluster.workers.values())).close)

        result = run_sweep(made, tmp_path / "dask.db", pool, watch=end_one)
        assert text_of(made, result) == whole
        assert stored(tmp_path / "dask.db") == stored(tmp_path / "whole.db")
        seen.clear()

        def end_all(moment: Moment) -> None:
            seen.append(moment)
            if len(seen) == 10:
                cluster.close()

        with pytest.raises(WorkerError, match="went away; what was done is stored"):
            run_sweep(made, tmp_path / "gone.db", pool, watch=end_all)
        pool.close()
    assert text_of(made, run_sweep(made, tmp_path / "gone.db", HerePool())) == whole


def deadly_unit(unit: Unit) -> tuple[WindowScore, ...]:
    """Cut the worker that has the third trial off, as a death does."""
    if unit.trial == 2:
        from distributed import get_worker

        worker, is_cut = get_worker(), threading.Event()
        comm = worker.batched_stream.comm

        def cut() -> None:
            comm.abort()
            is_cut.set()

        worker.loop.add_callback(cut)
        assert is_cut.wait(10.0)
    return run_unit(unit)


@pytest.mark.filterwarnings("ignore")
def test_a_unit_that_kills_a_schedulers_workers_is_named_and_the_rest_stays(
    made: SweepPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = text_of(made, run_sweep(made, tmp_path / "whole.db", HerePool()))
    with local_cluster(1) as cluster:
        cluster.scheduler.allowed_failures = 0
        monkeypatch.setattr("polymm.research.sweep_pool.run_unit", deadly_unit)
        pool = DaskPool(cluster.scheduler_address)
        with pytest.raises(WorkerError) as caught:
            run_sweep(made, tmp_path / "deadly.db", pool)
        pool.close()
    assert re.fullmatch(
        rf"scheduler {cluster.scheduler_address}: expected scores of trial \d, block 0, found 1"
        r" workers that died while they held it, last tcp://127\.0\.0\.1:\d+;"
        " what was done is stored, the same command goes on from there",
        str(caught.value),
    )
    assert text_of(made, run_sweep(made, tmp_path / "deadly.db", HerePool())) == whole


def test_a_scheduler_without_workers_is_waited_for_and_then_left(
    made: SweepPlan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("polymm.research.sweep_pool.LOOK_S", 0.02)
    with local_cluster(0) as cluster:
        pool = DaskPool(cluster.scheduler_address)
        monkeypatch.setattr("polymm.research.sweep_pool.WORKERS_S", 0.1)
        with pytest.raises(
            WorkerError, match=r"expected a worker, found none for 0\.1 s; what was"
        ):
            list(pool.run(units(made), lambda: False))
        (said,) = [one.getMessage() for one in caplog.records if one.name.startswith("polymm")]
        assert said.endswith("has no worker; waiting for one, 0.1 s at most")
        # One that comes while it is waited for is given what waits.
        monkeypatch.setattr("polymm.research.sweep_pool.WORKERS_S", 60.0)
        looked = []

        def look() -> bool:
            looked.append(0)
            if len(looked) == 3:
                cluster.scale(1)
            return False

        done = [unit.trial for unit, _ in pool.run(units(made, 2), look)]
        assert sorted(done) == [0, 1]
        pool.close()


def test_a_scheduler_that_answers_no_more_is_left_and_one_that_is_late_is_not(
    made: SweepPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polymm.research.sweep_pool.LOOK_S", 0.01)
    with local_cluster(0) as cluster:
        pool = DaskPool(cluster.scheduler_address)
        asked = []

        def ask(**_: object) -> dict[str, int]:
            asked.append(0)
            if len(asked) == 3:
                return {}
            raise TimeoutError

        monkeypatch.setattr(pool._client, "nthreads", ask)
        monkeypatch.setattr("polymm.research.sweep_pool.SILENT_S", 0.1)
        with pytest.raises(WorkerError, match="went away; what was done is stored, the same"):
            list(pool.run(units(made), lambda: False))
        assert len(asked) > 4
        pool.close()


def test_a_scheduler_that_is_not_there_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("polymm.research.sweep_pool.DIAL_S", 0.2)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with pytest.raises(WorkerError, match=r"scheduler tcp://127\.0\.0\.1:9: cannot be reached"):
        DaskPool("tcp://127.0.0.1:9")


def test_a_client_that_could_not_begin_says_nothing_when_the_program_ends() -> None:
    """Its own end would wait for a loop that is gone by then, and say so."""
    pytest.importorskip("distributed")
    program = """if True:
        from polymm.errors import WorkerError
        from polymm.research.sweep_pool import DaskPool
        try:
            kept = DaskPool("tls://127.0.0.1:9")
        except WorkerError as error:
            kept = error
            print(error)
    """
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout.startswith("scheduler tls://127.0.0.1:9: cannot be reached: TLS expects")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("address", ["foo", "", "tcp://a", "foo://a:1", "a:b", "tcp://a:0"])
def test_what_is_no_address_is_refused_before_anyone_is_asked(address: str) -> None:
    with pytest.raises(UsageError, match="must be an address like tcp://host:8786, was"):
        DaskPool(address)
