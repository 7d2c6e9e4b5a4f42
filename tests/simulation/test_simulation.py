"""The engine under the simulation: seeds, permanent faults, and the promise that a run repeats."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side
from polymm.engine import evidence as ev
from polymm.engine.order_life import Life
from polymm.exchange.faults import Fault
from tests.engine.order_cells import SCRIPTED
from tests.simulation.cells import SEEDED, unexpected, unvisited
from tests.simulation.contradictions import play as play_untrue
from tests.simulation.contradictions import play_blind
from tests.simulation.faults import SWITCHES, AnyFault, ProcessFault, WireFault
from tests.simulation.process import EngineProcess
from tests.simulation.runs import Run, Tally
from tests.simulation.scenario import Episode, Trouble, draw, permanent
from tests.simulation.violations import Violated

SEEDS = 300
CHUNK = 20
ROOT = Path(__file__).resolve().parents[2]


def failures(tally: Tally) -> str:
    return "\n\n".join(tally.failures)


@pytest.fixture(scope="session")
def visits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that all processes of this test run share."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "visits"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_no_invariant_is_violated_and_every_cell_is_visited(
    first: int, visits_folder: Path
) -> None:
    """The chunk that is done last looks at the cells of all."""
    total = Tally()
    for seed in range(first, first + CHUNK):
        total.add(Run(draw(seed)).play())
    assert not total.failures, failures(total)
    assert total.runs == CHUNK
    # What is not listed as an event of the engine has not been checked either.
    assert total.steps / (total.virtual_ns / NS) > 20
    assert not unexpected(total.cells)
    mine = visits_folder / f"{first}.part"
    mine.write_text(json.dumps(total.cells))
    mine.rename(visits_folder / f"{first}.json")
    chunks = list(visits_folder.glob("*.json"))
    if len(chunks) == SEEDS // CHUNK:
        visits: Counter[str] = Counter()
        for chunk in chunks:
            visits.update(json.loads(chunk.read_text()))
        assert unvisited(visits) == []


def test_scripted_runs_visit_the_cells_that_seeds_need_not() -> None:
    met = play_blind()
    for state in Life:
        met += play_untrue(state)
    assert SCRIPTED.keys() - met.keys() == set()


def test_a_cell_that_nobody_visits_is_told() -> None:
    visits = Counter({f"{life.name} {row.name}": 1 for life, row in SEEDED})
    assert unvisited(visits) == []
    del visits["LIVE TRADE"]
    assert unvisited(visits) == ["LIVE TRADE"]
    assert unexpected(visits) == []
    assert unexpected(visits + Counter({"FILLED DOUBT": 1})) == ["FILLED DOUBT"]


@pytest.mark.parametrize("fault", sorted(SWITCHES))
def test_one_fault_that_never_ends_violates_nothing(fault: AnyFault) -> None:
    struck: Counter[str] = Counter()
    for seed in range(6):
        tally = Run(permanent(seed, fault, 1.5)).play()
        assert not tally.failures, failures(tally)
        struck.update(tally.struck)
        if struck[fault]:
            return
    pytest.fail(f"{fault} never struck")


def digests(order: str, hash_seed: str) -> "subprocess.Popen[str]":
    code = (
        "from tests.simulation.runs import Run\n"
        "from tests.simulation.scenario import draw\n"
        f"for seed in {order}:\n"
        "    tally = Run(draw(seed, 1.5)).play()\n"
        "    print(seed, tally.steps, tally.digest)\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_orders_leave_with_their_feed_though_their_cancels_are_refused() -> None:
    """L1: of each cancel's answers six in ten say untruly that there is nothing to cancel."""
    for seed in range(8):
        scenario = permanent(seed, Fault.CANCEL_UNKNOWN, 1.0)
        span = scenario.start_ns, scenario.end_ns
        refusing = Episode(Fault.CANCEL_UNKNOWN, 0.6, *span)
        closing = Episode(Fault.MARKET_CLOSED, 0.006, *span)
        tally = Run(replace(scenario, lines=1, episodes=(refusing, closing))).play()
        assert not tally.failures, failures(tally)
        assert tally.struck[Fault.CANCEL_UNKNOWN]


def test_a_seed_gives_the_same_steps_whatever_ran_before_it() -> None:
    up, down = digests("range(6)", "1"), digests("reversed(range(6))", "2")
    said = [sorted(process.communicate(timeout=120)[0].splitlines()) for process in (up, down)]
    assert len(said[0]) == 6
    assert said[0] == said[1]
    assert len({line.split()[2] for line in said[0]}) == 6


def test_only_settled_shares_are_offered() -> None:
    calm = replace(draw(10, 2.0), episodes=(), troubles=())
    assert calm.lane["ask_mode"] == "sell_first"
    run = Run(calm)
    tally = run.play()
    assert not tally.failures, failures(tally)
    places = [place for sent in run.world.wire.log for place in sent.places]
    assert sum(place.side is Side.SELL for place in places) > 10
    assert run.world.life is not None
    process = run.world.life.process
    assert isinstance(process, EngineProcess)
    assert not process.engine.gate.counts["coverage"]


def test_an_order_filled_just_before_a_crash_is_not_taken_for_cancelled() -> None:
    """Both tellings of its fill come late: the list of trades, and the user channel."""
    scenario = draw(21)
    span = scenario.start_ns, scenario.heal_ns
    episodes = (
        Episode(WireFault.TRADES_LATE, 0.8, *span),
        Episode(Fault.USER_FILL_LATE, 0.9, *span),
    )
    troubles = tuple(
        Trouble(ProcessFault.KILLED, scenario.start_ns + second * NS, NS // 2)
        for second in range(20, 100, 15)
    )
    tally = Run(
        replace(scenario, episodes=episodes, troubles=troubles, takes=(0.2, 8), mix="")
    ).play()
    assert not tally.failures, failures(tally)
    assert tally.cells["CLOSING ABSENCE"]


class Tripwire:
    """Raises at a step, as the checker does, on top of it."""

    def __init__(self, run: Run, step: int) -> None:
        self._run = run
        self._step = step
        self._inner = run.world.on_step
        run.world.on_step = self.step

    def step(self, now_ns: int, event: ev.Event) -> None:
        assert self._inner is not None
        self._inner(now_ns, event)
        if self._run.world.steps == self._step:
            raise Violated("I99", "a tripwire", now_ns)


def test_a_failure_says_how_to_see_it_again() -> None:
    run = Run(draw(4))
    Tripwire(run, 500)
    (text,) = run.play().failures
    for part in ("seed 4,", "commit", "step 500,", "I99", "4 acts", "--seed 4", "--until 501"):
        assert part.replace("4 acts", "acts/s each") in text


def test_a_run_up_to_a_step_is_the_beginning_of_the_whole_run() -> None:
    one, two = Run(draw(5)), Run(draw(5))
    Tripwire(one, 700)
    broken, stopped = one.play(), two.play(until_step=700)
    assert broken.failures
    assert not stopped.failures, failures(stopped)
    assert (broken.steps, broken.digest) == (stopped.steps, stopped.digest)


def test_the_command_counts_and_fails_as_it_should() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "0..1", "--minutes", "0.5"]
    done = subprocess.run(
        [*command, "--jobs", "2"],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for part in (
        "2 runs, 0 failed",
        "a second of a core",
        "events a virtual second",
        "faults (",
        f" of {len(SEEDED)} in the table",
    ):
        assert part in done.stdout
