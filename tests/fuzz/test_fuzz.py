"""Every parser gives documented results only, whatever bytes it is told; the market's frames have
tests of their own beside the decoder."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from polymm.venues.polymarket.user_reading import read_user_frame
from tests.fuzz.parsers import PARSERS, sessions_of
from tests.fuzz.running import (
    INPUT_S_MAX,
    INPUTS_A_SESSION,
    Found,
    Grown,
    Slow,
    TargetSessions,
    read_case,
    write_case,
)
from tests.fuzz.seeds import FOLDER
from tests.fuzz.targets.target import Undocumented
from tests.fuzz.targets.user import UserTarget

SEED = 4
INPUTS = 50_000
NAMES = ("user", "reference", "rest", "journal", "config")
CASES = sorted(FOLDER.glob("*.input"))


@pytest.mark.parametrize("name", NAMES)
def test_any_input_comes_to_a_documented_end(name: str) -> None:
    sessions = sessions_of(name)
    for number in range(INPUTS // INPUTS_A_SESSION):
        print(f"python -m tests.fuzz --parser {name} --seed {SEED} --first {number} --inputs 1")
        sessions.run(SEED, number)


def test_every_parser_is_fuzzed_in_the_ordinary_tests() -> None:
    assert set(PARSERS) == {"market", *NAMES}


def test_what_a_parser_is_meant_for_comes_to_more_than_refusals() -> None:
    """A fuzzer whose samples are refused tests nothing behind the first check."""
    for name in ("user", "reference", "journal", "config"):
        expected = sessions_of(name).expected
        assert sum(one == "event" for one in expected) > len(expected) / 2, name
    outcomes = set(sessions_of("rest").expected)
    assert {"live", "matched", "rejected", "unknown", "canceled", "not_canceled"} <= outcomes


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_taught_something_stays_learnt(path: Path) -> None:
    name, label, text = read_case(path)
    assert sessions_of(name).failure(label, text) == ""


class Spoilt(UserTarget):
    """A parser with a fault of the scene's choice."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.kept = 0
        self.fault = fault

    def read(self, label: str, text: bytes) -> str:
        if self.fault == "raises" and text[:1] not in b"{[P":
            raise KeyError("market")
        if self.fault == "keeps":
            self.kept += 1
        if self.fault == "hangs" and len(text) > 10_000:
            until_s = time.thread_time() + 2 * INPUT_S_MAX
            while time.thread_time() < until_s:
                pass
        if self.fault == "misreads" and b", " in text:
            return "ignored"
        return super().read(label, text)

    def growing(self) -> int:
        return self.kept


def run_until_found(sessions: TargetSessions) -> None:
    for number in range(20):
        sessions.run(SEED, number)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("raises", "KeyError: 'market'"),
        ("hangs", "Slow: .* bytes took .* s, at most 0.1"),
        ("misreads", "as good as sample .*, came to ignored"),
    ],
)
def test_a_fault_is_found_told_and_kept_small(fault: str, found: str, tmp_path: Path) -> None:
    """The fuzzer itself must be able to fail."""
    sessions = TargetSessions("user", Spoilt(fault))
    with pytest.raises(Found, match=found) as caught:
        run_until_found(sessions)
    label, text = caught.value.label, caught.value.text
    path = write_case("user", label, text, "a lesson\nof two lines é", tmp_path)
    assert read_case(path) == ("user", label, text)
    assert isinstance(caught.value.__cause__, KeyError | Slow | AssertionError)


def test_a_parser_that_keeps_what_it_reads_is_found() -> None:
    with pytest.raises(Grown, match=r"user keeps 5\d\d, at most 0"):
        TargetSessions("user", Spoilt("keeps")).run(SEED, 0)


def test_a_result_out_of_its_bounds_is_found() -> None:
    target = UserTarget()
    placed = read_user_frame(target.samples[0].text).events[0]
    target.check(placed)
    with pytest.raises(Undocumented, match="a price of at most 1, was 10001"):
        target.check(replace(placed, price_e4=10_001))
