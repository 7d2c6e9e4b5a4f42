"""Table C: every contender signs the same orders, and the goals read the right rows."""

import os
from dataclasses import dataclass

import pytest

from benches.agreement import DisagreementError
from benches.goals import order_goals
from benches.orders import check_signatures, figures, order_tables
from benches.peers import order_roster as roster
from benches.timing import Sample


@dataclass(frozen=True)
class Once:
    rounds: int = 1
    slice_ns: int = 1


def test_polymm_and_the_official_client_sign_alike() -> None:
    check_signatures(roster.draw_quotes(8))


def test_another_signature_stops_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "clob_signature", lambda quote: "0x00")
    with pytest.raises(DisagreementError, match="the client 0x00"):
        check_signatures(roster.draw_quotes(1))


def test_every_row_runs_and_every_goal_is_measured() -> None:
    tables = order_tables(Once(), seed=1, tick=lambda: None)
    assert roster.CLOB_ALONE in tables[0].columns["signed"]
    assert all(goal.value is not None for goal in order_goals(figures(tables)))


def test_a_client_that_is_missing_is_skipped_and_its_goals_are_not_measured() -> None:
    samples = {
        name: Sample(value, value, 1)
        for name, value in ((roster.POLYMM, 22.0), (roster.BARE_SIGN, 20.0))
    }
    goals = order_goals({"signed": samples, "bytes ready": samples, "header": {}})
    assert [goal.value for goal in goals] == [None, None, 1.1, 1.1, None, None]


def test_the_choice_of_arithmetic_does_not_outlive_the_bench(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(roster.BACKEND, raising=False)
    order_tables(Once(), seed=1, tick=lambda: None)
    assert roster.BACKEND not in os.environ
