"""How synthetic books compare with recorded ones: the bands of docs/strategy.md 4.12, printed."""

import math
import statistics

import pytest

from polymm.exchange.flow import AS_RECORDED, book_statistics, iter_windows
from polymm.research.recordings import open_tapes
from tests.support import recordings, tapes

SEED = 2


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each value over the markets that have it."""
    found = {name: [row[name] for row in rows if not math.isnan(row[name])] for name in rows[0]}
    return {
        name: statistics.fmean(values) if values else math.nan for name, values in found.items()
    }


@pytest.fixture(scope="module")
def synthetic() -> dict[str, float]:
    print(f"seed {SEED}")
    return means([book_statistics(tape) for tape in iter_windows(SEED, 3)])


# Value, target of docs/strategy.md 4.12 (or the recordings), band for three windows.
BANDS = {
    "spread_c": (1.2, 0.95, 1.35),
    "spread_cent_share": (0.88, 0.70, 0.95),
    "touch": (270.0, 200.0, 350.0),
    "depth": (2200.0, 1800.0, 2600.0),
    "mid_sd_250ms_c": (1.0, 0.7, 1.5),
    "mid_sd_1s_c": (2.4, 1.6, 3.4),
    "mid_square_sum": (0.2, 0.1, 0.4),
    "volume": (50_000.0, 35_000.0, 65_000.0),
    "trades_per_s": (7.0, 5.0, 10.0),
    "messages_per_s": (100.0, 50.0, 150.0),
}


@pytest.mark.parametrize("name", BANDS)
def test_synthetic_books_stay_within_the_band(name: str, synthetic: dict[str, float]) -> None:
    target, low, high = BANDS[name]
    print(f"{name} {synthetic[name]:.4g}, target {target:g}")
    assert low <= synthetic[name] <= high


def test_under_the_recorded_regime_spreads_are_the_recorded_ones() -> None:
    print(f"seed {SEED}")
    found = means([book_statistics(tape) for tape in iter_windows(SEED, 2, AS_RECORDED)])
    print({name: round(value, 4) for name, value in found.items()})
    assert found["spread_c"] == pytest.approx(1.187, abs=0.12)
    assert found["spread_cent_share"] == pytest.approx(0.888, abs=0.06)
    assert found["spread_fine_share"] == 0.0


def test_recorded_books_give_the_numbers_the_targets_came_from() -> None:
    files = recordings.recordings("book_ws_btc5m/*.book.jsonl.gz")[:8]
    rows = [book_statistics(tape) for file in files for tape in open_tapes(file)]
    recorded = means(rows)
    print({name: round(value, 4) for name, value in recorded.items()})
    assert recorded["spread_c"] == pytest.approx(1.2, abs=0.1)
    assert recorded["spread_cent_share"] == pytest.approx(0.88, abs=0.05)
    assert 200 <= recorded["touch"] <= 350
    assert math.isnan(recorded["volume"]), "these recordings hold no trades"


def test_statistics_of_a_book_worked_by_hand() -> None:
    # A cent wide for 10 s, two cents for 20 s; then the asks vanish.
    frames = [
        tapes.book(0, [(0.48, 100), (0.47, 50)], [(0.49, 300)]),
        tapes.book(10_000, [(0.48, 100)], [(0.5, 300)]),
        tapes.trade(12_000, "BUY", 0.5, 40),
        tapes.trade(12_500, "SELL", 0.3, 10, token="down"),
        tapes.book(30_000, [(0.48, 100)], []),
        tapes.trade(40_000, "SELL", 0.48, 1),
    ]
    found = book_statistics(tapes.tape(*frames))
    assert found["spread_c"] == pytest.approx(5 / 3)
    assert found["spread_cent_share"] == pytest.approx(1 / 3)
    assert found["one_sided_share"] == pytest.approx(10 / 40), "the tape ends after 40 s"
    assert found["spread_fine_share"] == 0.0
    assert math.isnan(found["spread_late_c"])
    assert found["touch"] == 200.0, "between bids of 100 and asks of 300"
    assert found["depth"] == 225.0, "more time at 100 and 300 than at 150 and 300"
    # One move of half a cent; the moves into and out of nothing do not count.
    assert found["mid_square_sum"] == pytest.approx(0.005**2)
    assert found["mid_sd_1s_c"] == pytest.approx(0.5 / math.sqrt(29))
    # Sold Down shares at 0.30 are 0.30 a share, whatever that is in Up terms.
    assert found["volume"] == pytest.approx(40 * 0.5 + 10 * 0.3 + 1 * 0.48)
    assert found["trades_per_s"] == pytest.approx(3 / 40)
    assert found["trade_size"] == 10.0


def test_a_tape_without_frames_has_no_statistics() -> None:
    found = book_statistics(tapes.tape())
    assert math.isnan(found["spread_c"])
    assert math.isnan(found["touch"])
    assert math.isnan(found["messages_per_s"])
