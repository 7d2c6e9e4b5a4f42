"""What rows say of themselves once, so that no run asks each of them again."""

import numpy as np
import pytest

from polymm._core.layout import (
    ROW_CHANGE,
    ROW_DOWN,
    ROW_FRAME_END,
    ROW_LOCAL,
    ROW_STAMPED,
    ROW_TRADE,
    ROW_VENUE,
    TAPE,
)
from polymm._core.tape_rows import TapeRows

BOTH = ROW_VENUE | ROW_LOCAL


def rows(*frames):
    """Frames of one row: (kind, venue time, flags)."""
    found = np.zeros(len(frames), TAPE)
    found["kind"], found["exch_ns"], found["flags"] = zip(*frames, strict=True)
    found["flags"] |= ROW_FRAME_END
    found["price_e4"], found["size_e6"] = 4_800, 5_000_000
    return TapeRows(found)


def test_changes_in_order_of_their_time_are_steady():
    assert rows((ROW_CHANGE, 1, BOTH), (ROW_CHANGE, 1, BOTH), (ROW_CHANGE, 2, BOTH)).is_steady


def test_each_cursor_has_an_order_of_its_own():
    assert rows((ROW_CHANGE, 2, ROW_VENUE), (ROW_CHANGE, 1, ROW_LOCAL)).is_steady


@pytest.mark.parametrize("reader", [ROW_VENUE, ROW_LOCAL])
def test_a_change_older_than_the_last_is_not_steady(reader):
    assert not rows((ROW_CHANGE, 2, BOTH), (ROW_CHANGE, 1, reader)).is_steady


def test_a_change_with_a_stamp_of_its_own_is_not_steady():
    assert not rows((ROW_CHANGE, 1, BOTH | ROW_STAMPED)).is_steady


def test_a_trade_told_late_changes_no_book():
    assert rows((ROW_CHANGE, 2, BOTH), (ROW_TRADE, 1, BOTH), (ROW_CHANGE, 2, BOTH)).is_steady


def test_trades_are_told_twice_only_where_both_tokens_are_named():
    up, down = (ROW_TRADE, 1, BOTH), (ROW_TRADE, 1, BOTH | ROW_DOWN)
    assert not rows(up, up).has_mirrors
    assert not rows(down, down).has_mirrors
    assert rows(up, down).has_mirrors
