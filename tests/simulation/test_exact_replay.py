"""I21: a simulated run, crashes and all, is repeated from its journal bit for bit."""

import pytest

from polymm.engine.engine import Engine
from polymm.engine.ports import BudgetView
from polymm.engine.records import RunBegun
from polymm.engine.recovered import Recovered
from polymm.runtime.exact_replay import repeat_runs
from polymm.runtime.journal_format import read_frames
from tests.simulation import disk
from tests.simulation.process import settings_of
from tests.simulation.runs import Run
from tests.simulation.scenario import draw

SEEDS = range(1_000, 1_006)
MINUTES = 1.0


@pytest.fixture(autouse=True)
def every_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run can be repeated only while its first segment is there."""
    monkeypatch.setattr(disk, "SEGMENTS_KEPT", 10_000)


def test_what_the_engine_did_it_does_again() -> None:
    steps = runs = 0
    for seed in SEEDS:
        scenario = draw(seed, MINUTES)
        run = Run(scenario)
        run.play()

        def build(begun: RunBegun, known: Recovered, budget: BudgetView) -> Engine:
            settings = settings_of(scenario)  # noqa: B023 - called within this round
            engine = Engine(settings, budget=budget, first_order_id=known.next_order_id)
            engine.restore(begun.started_ns, known)
            return engine

        segments = [bytes(segment.content) for segment in run.world.disk.segments]
        frames = [frame for data in segments for frame in read_frames(data).frames]
        report = repeat_runs(frames, build)
        assert report.divergence is None, f"seed {seed}: {report.divergence}"
        steps += report.steps
        runs += report.runs
    assert runs > len(SEEDS)
    assert steps > 2_000
    print(f"{steps} steps of {runs} runs repeated")
