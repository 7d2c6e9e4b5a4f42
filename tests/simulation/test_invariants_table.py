"""Every invariant of FAILURES is held by the checker, or by a test or issue that is named."""

import re
from pathlib import Path

import pytest

from tests.simulation import test_checker, test_checker_belief, test_checker_times
from tests.simulation.invariants_table import CHECKED, ELSEWHERE

ROOT = Path(__file__).resolve().parent.parent.parent
IDS = {f"I{n}" for n in range(1, 33)} | {f"L{n}" for n in range(1, 9)}
MODULES = {path.stem for path in Path(__file__).parent.glob("*.py")}


def test_every_invariant_stands_in_exactly_one_table():
    assert not CHECKED.keys() & ELSEWHERE.keys()
    assert CHECKED.keys() | ELSEWHERE.keys() == IDS


@pytest.mark.parametrize("text", CHECKED.values(), ids=CHECKED)
def test_what_is_checked_names_the_part_that_does(text):
    named = re.findall(r"(?:^|; |; )(\w+):", text)
    assert named
    assert set(named) <= MODULES, named


@pytest.mark.parametrize(("invariant", "text"), ELSEWHERE.items())
def test_what_is_held_elsewhere_names_a_test_that_is_there_or_an_issue(invariant, text):
    places = re.findall(r"tests/[\w/.]*\w", text)
    assert places or re.search(r"issue (\d+ )?owes it", text), text
    for place in places:
        assert (ROOT / place).exists(), place


@pytest.mark.parametrize("invariant", sorted(CHECKED.keys() - {"I21"}))
def test_each_invariant_that_is_checked_has_a_scene_that_breaks_it(invariant):
    number = invariant.lower()
    names = {**vars(test_checker), **vars(test_checker_belief), **vars(test_checker_times)}
    assert any(name.startswith(f"test_{number}_fires") for name in names), invariant
