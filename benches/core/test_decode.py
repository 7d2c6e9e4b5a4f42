"""Bytes to book: `Decoder.feed` over each kind of frame."""

import json

from benches.core.conftest import TimePasses
from benches.workload import Workload


def test_price_change(workload: Workload, time_feed: TimePasses) -> None:
    """Time 512 messages of 611 bytes, the 93 % of the wire.

    Slower means a later reaction to every message, and less room in bursts of 18 in 10 ms. Look
    first at the literals and decimals of the fast pass, then at the apply.
    """
    time_feed(workload.price_changes)


def test_book(workload: Workload, time_feed: TimePasses) -> None:
    """Time 64 snapshots of 99 levels.

    Slower means a later reaction after each match, when the market moves; two thirds of it is
    reading levels, a tenth each clearing and setting them.
    """
    time_feed(workload.books)


def test_price_change_with_lane(workload: Workload, time_feed: TimePasses) -> None:
    """Time bytes to "must we requote?", all that happens on most messages.

    Slower by more than `test_price_change` is, means that analysis or quote got slower.
    """
    time_feed(workload.price_changes, with_lane=True)


def test_price_change_the_tolerant_way(workload: Workload, time_feed: TimePasses) -> None:
    """Time the same messages with blanks after the colons, which only the tolerant pass reads.

    Slower is bearable; but if the venue changes its spacing, this is what every message costs
    until the fast pass knows the new form.
    """
    time_feed([json.dumps(json.loads(frame)).encode() for frame in workload.price_changes[:64]])


def test_book_the_tolerant_way(workload: Workload, time_feed: TimePasses) -> None:
    """Time snapshots with blanks; slower means what it means for a price_change."""
    time_feed([json.dumps(json.loads(frame)).encode() for frame in workload.books[:8]])
