"""The benches' messages have the recorded sizes and a book behind them."""

import json
from statistics import mean, median

import pytest

from benches.workload import (
    LARGER_SIZES,
    RECORDED_SIZES,
    Shape,
    Workload,
    price_text,
    recorded,
    size_text,
    synthetic,
)
from tests.support.recordings import data_dir

SHAPES = [RECORDED_SIZES, LARGER_SIZES]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_each_best_price_is_that_of_the_evolving_book(shape: Shape) -> None:
    workload = synthetic(shape)
    books = {}
    for frame in workload.start:
        message = json.loads(frame)
        books[message["asset_id"]] = tuple(
            {float(level["price"]): float(level["size"]) for level in message[side]}
            for side in ("bids", "asks")
        )
    for frame in workload.price_changes:
        entries = json.loads(frame)["price_changes"]
        for entry in entries:
            side = books[entry["asset_id"]][entry["side"] == "SELL"]
            side[float(entry["price"])] = float(entry["size"])
            if entry["size"] == "0":
                del side[float(entry["price"])]
        for entry in entries:
            bids, asks = books[entry["asset_id"]]
            assert (float(entry["best_bid"]), float(entry["best_ask"])) == (max(bids), min(asks))


def test_price_changes_are_spaced_and_sized_as_recorded() -> None:
    frames = synthetic().price_changes
    assert 606 <= mean(map(len, frames)) <= 616
    assert len(set(frames)) == 512
    text = frames[0].decode()
    assert ": " not in text
    assert text.count(", ") == text.count(",")
    message = json.loads(text)
    assert list(message) == ["market", "price_changes", "timestamp", "event_type"]
    assert list(message["price_changes"][0]) == [
        "asset_id", "price", "size", "side", "hash", "best_bid", "best_ask",
    ]  # fmt: skip
    assert [len(json.loads(frame)["price_changes"]) for frame in frames] == [2] * 512


def test_books_are_compact_and_sized_as_recorded() -> None:
    frames = synthetic().books
    assert 3_300 <= median(map(len, frames)) <= 3_500
    assert len(set(frames)) == 64
    assert not any(b" " in frame for frame in frames)
    levels = [len(m["bids"]) + len(m["asks"]) for m in map(json.loads, frames)]
    assert 97 <= median(levels) <= 101


def test_performance_shape_mixes_two_and_four_entries() -> None:
    frames = synthetic(LARGER_SIZES).price_changes
    entries = [len(json.loads(frame)["price_changes"]) for frame in frames]
    assert set(entries) == {2, 4}
    assert 0.6 < entries.count(2) / len(entries) < 0.8
    assert 720 <= mean(map(len, frames)) <= 790


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert synthetic(seed=7) == synthetic(seed=7)
    assert synthetic(seed=7).price_changes != synthetic(seed=8).price_changes


def test_recorded_messages_start_with_a_pair_and_never_go_back_in_time() -> None:
    workload = recorded(data_dir())
    _assert_in_order(workload)
    assert [json.loads(frame)["asset_id"] for frame in workload.start] == [
        workload.up_token,
        workload.down_token,
    ]
    assert len(workload.price_changes) == 512
    assert len(workload.books) == 64


def test_synthetic_messages_never_go_back_in_time() -> None:
    _assert_in_order(synthetic())


def _assert_in_order(workload: Workload) -> None:
    for frames in (workload.start + workload.price_changes, workload.start + workload.books):
        stamps = [int(json.loads(frame)["timestamp"]) for frame in frames]
        assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    ("value", "text"), [(4_800, "0.48"), (4_805, "0.4805"), (1_000, "0.1"), (10_000, "1")]
)
def test_prices_carry_no_trailing_zeros(value: int, text: str) -> None:
    assert price_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (500, "5"), (36_217, "362.17"), (20_850, "208.5"), (1, "0.01")]
)
def test_sizes_carry_no_trailing_zeros(value: int, text: str) -> None:
    assert size_text(value) == text
