"""Planted defects: all of them are well-formed, and a few quick ones are caught as they must be.

`python -m tests.simulation.defects` runs all of them.
"""

from collections import Counter
from pathlib import Path

import pytest

from polymm.errors import InputError
from tests.simulation.defect_list import DEFECTS, Defect
from tests.simulation.faults import SWITCHES
from tests.simulation.invariants_table import CHECKED
from tests.simulation.mixes import MIXES
from tests.simulation.planting import planted, run, run_here, telling_seeds
from tests.simulation.scenario import LOSS_IS_NEAR, MARKOUTS_ARE_NEAR

ROOT = Path(__file__).resolve().parents[2]
QUICK = (
    "the reserve is released when a cancel is sent",
    "a fill is applied each time it is told",
    "the journal is skipped before a POST",
)


def named(name: str) -> Defect:
    return next(defect for defect in DEFECTS if defect.name == name)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_each_text_stands_in_its_file_once(defect):
    text = (ROOT / defect.file).read_text()
    assert text.count(defect.old) == 1, defect.old
    compile(text.replace(defect.old, defect.new), defect.file, "exec")


def test_there_are_thirty_of_many_kinds():
    assert len(DEFECTS) >= 30
    kinds = Counter(defect.invariant for defect in DEFECTS)
    assert kinds.keys() <= CHECKED.keys()
    assert len(kinds) >= 12
    traits = {*SWITCHES, *MIXES, LOSS_IS_NEAR, MARKOUTS_ARE_NEAR}
    assert {trait for defect in DEFECTS for trait in defect.faults} <= traits


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_defect_is_caught_by_its_invariant(name):
    defect = named(name)
    outcome = run(defect, 3, minutes=0.5, wait_s=60.0)
    assert outcome.invariant == defect.invariant, outcome.text
    assert run_here(outcome.seeds, 0.5).invariant == ""


def test_a_text_that_is_not_there_plants_nothing():
    lost = named(QUICK[0])._replace(old="nobody wrote this")
    with pytest.raises(InputError, match="once"), planted(lost):
        pass


def test_seeds_with_the_telling_fault_come_first():
    seeds = telling_seeds(40, 3.0, ("clock_jumped",))
    assert sorted(seeds) == list(range(40))
    assert seeds != sorted(seeds)
