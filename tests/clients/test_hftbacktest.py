"""The same orders at hftbacktest's venue and at ours, in an environment of its own."""

from collections.abc import Iterator

import pytest

from benches.backtest.agreement import Agreement, compare_both
from benches.backtest.peer import peer_python, serving

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Agreement, Agreement]]:
    with serving(peer_python(), "act") as peer:
        yield compare_both(peer, steps=16_000, events=20_000, seed=1)


def test_every_fill_is_the_same_where_the_models_coincide(
    both: tuple[Agreement, Agreement],
) -> None:
    coinciding, _ = both
    assert coinciding.ours_n > 150
    assert coinciding.differences == []
    assert coinciding.is_ours
    assert coinciding.is_peer


def test_every_other_difference_is_one_of_the_rules(both: tuple[Agreement, Agreement]) -> None:
    _, ordinary = both
    assert ordinary.is_ours
    assert ordinary.is_peer
    assert ordinary.differences
    assert [one for one in ordinary.differences if not one.rules] == []
