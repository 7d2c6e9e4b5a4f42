"""The grid book: levels, bests, mirror, views and refusals."""

import random

import numpy as np
import pytest

from polymm._core.book import Book
from polymm.errors import InputError

BID, ASK, UP, DOWN = 0, 1, 0, 1


def test_empty_sides_read_as_zero_and_one() -> None:
    book = Book()
    assert (book.best_bid_e4, book.best_ask_e4) == (0, 10_000)
    assert not book.is_crossed
    assert book.levels(BID) == []


def test_levels_come_best_first_and_mirror_for_down() -> None:
    book = Book()
    book.replace([(4800, 10), (4700, 20)], [(5200, 30)])
    assert book.levels(BID) == [(4800, 10), (4700, 20)]
    assert book.levels(ASK, token=DOWN) == [(5200, 10), (5300, 20)]
    assert book.levels(BID, token=DOWN) == [(4800, 30)]
    assert book.levels(BID, 1) == [(4800, 10)]


def test_equal_prices_of_a_snapshot_add_up() -> None:
    book = Book()
    book.replace([(4800, 10), (4800, 5)], [])
    assert book.size_e6(BID, 4800) == 15


def test_snapshot_opens_the_epoch_and_clear_closes_it() -> None:
    book = Book()
    assert not book.has_epoch
    book.replace([(1, 1)], [(9999, 1)])
    assert book.has_epoch
    book.clear()
    assert not book.has_epoch
    assert book.levels(BID) == book.levels(ASK) == []


def test_locked_and_crossed_both_count_as_crossed() -> None:
    book = Book()
    book.replace([(5000, 1)], [(5000, 1)])
    assert book.is_crossed
    book.set_level(ASK, 5000, 0)
    assert not book.is_crossed


@pytest.mark.parametrize("tick_e4", [-100, 0, 3, 10_000, 20_000])
def test_a_tick_that_makes_no_grid_is_refused(tick_e4: int) -> None:
    with pytest.raises(InputError, match=f"tick_e4 must divide 10000, was {tick_e4}"):
        Book(tick_e4)


def test_dollars_are_not_cut_down_to_whole_units() -> None:
    book = Book()
    with pytest.raises(TypeError, match="float"):
        book.set_level(BID, 0.48, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float"):
        book.replace([(4800, 5.5)], [])  # type: ignore[list-item]
    book.set_level(BID, np.int64(4800), np.int64(5))  # type: ignore[arg-type]
    assert book.levels(BID) == [(4800, 5)]


@pytest.mark.parametrize(
    ("side", "price_e4", "size_e6"),
    [(2, 5000, 1), (0, 0, 1), (0, 10_000, 1), (1, 5000, -1), (1, 5000, 10**14), (-1, 5000, 1)],
)
def test_level_out_of_range_changes_nothing(side: int, price_e4: int, size_e6: int) -> None:
    book = Book()
    with pytest.raises(InputError, match="must be"):
        book.set_level(side, price_e4, size_e6)
    with pytest.raises(InputError, match="must be"):
        book.replace([(4000, 1), (price_e4, size_e6)], [(side, -1)])
    assert not book.has_epoch
    assert book.levels(BID) == []


def test_view_is_live_read_only_and_keeps_its_book() -> None:
    view = Book().sizes(BID)
    assert view.shape == (10_001,)
    assert view.dtype == np.int64
    book = Book()
    view = book.sizes(ASK)
    book.set_level(ASK, 77, 123)
    assert view[77] == 123
    with pytest.raises(ValueError, match="read-only"):
        view[77] = 1
    del book
    assert view[77] == 123


def test_random_levels_agree_with_a_dictionary() -> None:
    seed = 20260421
    draw = random.Random(seed)
    book = Book()
    twin: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for _ in range(20_000):
        side, price = (
            draw.randrange(2),
            draw.choice((1, 63, 64, 4095, 4096, 8191, 9999, 0)) or (draw.randrange(1, 10_000)),
        )
        size = draw.choice((0, 0, draw.randrange(1, 10**9)))
        book.set_level(side, price, size)
        twin[side].pop(price, None)
        if size:
            twin[side][price] = size
        assert book.best_bid_e4 == max(twin[BID], default=0), seed
        assert book.best_ask_e4 == min(twin[ASK], default=10_000), seed
    assert book.levels(BID) == sorted(twin[BID].items(), reverse=True)
    assert book.levels(ASK) == sorted(twin[ASK].items())


def test_level_texts_are_the_venues() -> None:
    book = Book()
    book.replace([(4800, 12_500_000), (100, 1_000_000)], [(5200, 362_170_000)])
    assert book.level_texts() == (
        '"bids":[{"price":"0.01","size":"1"},{"price":"0.48","size":"12.5"}],'
        '"asks":[{"price":"0.52","size":"362.17"}]'
    )
    assert book.level_texts(DOWN) == (
        '"bids":[{"price":"0.48","size":"362.17"}],'
        '"asks":[{"price":"0.99","size":"1"},{"price":"0.52","size":"12.5"}]'
    )


def decimal(value: int, places: int) -> str:
    """The shortest text of an integer of 10**-places."""
    whole, rest = divmod(value, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")


def test_level_texts_spell_whatever_the_levels_are() -> None:
    seed = 11
    draw = random.Random(seed)
    sizes = (1, 10, 1_000_000, 1_000_001, 10**14 - 1, 10**14 - 10, 70_000_000)
    for _ in range(20):
        book = Book()
        sides: list[list[tuple[int, int]]] = [
            [
                (draw.randrange(1, 10_000), draw.choice(sizes))
                for _ in range(draw.choice((0, 1, 300)))
            ]
            for _ in range(2)
        ]
        book.replace(*sides)
        for token in (UP, DOWN):
            texts = []
            for name, side in (("bids", BID), ("asks", ASK)):
                levels = ",".join(
                    f'{{"price":"{decimal(price, 4)}","size":"{decimal(size, 6)}"}}'
                    for price, size in reversed(book.levels(side, token=token))
                )
                texts.append(f'"{name}":[{levels}]')
            assert book.level_texts(token) == ",".join(texts), seed


def test_level_texts_of_no_token_are_refused() -> None:
    with pytest.raises(InputError, match="token must be 0 or 1, was 2"):
        Book().level_texts(2)
