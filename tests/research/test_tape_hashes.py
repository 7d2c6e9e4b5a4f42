"""Hashes checked on the way to a tape: of books, of changes, of neither."""

import pytest

from polymm.domain.tape import Tape
from polymm.errors import RecordingError
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.research.recordings import open_tapes
from polymm.research.tape_hashes import HashCheck, HashCounts
from polymm.research.tape_pack import pack
from tests.support.recordings import data_dir
from tests.support.tapes import book, change, tape

BIDS, ASKS = [(0.47, 200), (0.48, 100)], [(0.53, 120), (0.52, 80)]


def counts(of: Tape, checks="all") -> HashCounts:
    hashes = HashCheck(of.market, checks)
    pack(of, hashes)
    return hashes.counts


@pytest.fixture(scope="module")
def synthetic() -> Tape:
    """A window whose every hash is true."""
    return generate_window(3, settings=FlowSettings(window_s=10, lookback_s=2))


def test_true_hashes_verify(synthetic: Tape) -> None:
    found = counts(synthetic)
    assert (found.books_failed, found.changes_failed) == (0, 0)
    assert found.books > 50
    assert found.changes > 500


def test_a_book_that_misses_a_change_fails_from_there_on(synthetic: Tape) -> None:
    frames = list(synthetic.frames)
    first = next(n for n, one in enumerate(frames) if b"price_change" in one.frame)
    lacking = synthetic.__class__(
        market=synthetic.market,
        frames=[*frames[:first], *frames[first + 1 : first + 200]],
        outcome=None,
        has_trades=True,
    )
    assert counts(lacking).changes_failed > 0


def test_a_level_of_a_book_that_was_changed_fails(synthetic: Tape) -> None:
    frames = list(synthetic.frames)
    n = next(n for n, one in enumerate(frames) if b'"event_type":"book"' in one.frame)
    text = frames[n].frame
    at = text.index(b'"size":"') + 8
    frames[n] = frames[n]._replace(frame=text[:at] + b"9" + text[at:])
    wrong = synthetic.__class__(
        market=synthetic.market, frames=frames, outcome=None, has_trades=True
    )
    assert counts(wrong, "books").books_failed == 1


def test_what_is_not_asked_for_is_not_checked(synthetic: Tape) -> None:
    assert counts(synthetic, "none") == HashCounts()
    assert counts(synthetic, "books").changes == 0
    with pytest.raises(RecordingError, match="hashes must be all, books or none, was 'some'"):
        HashCheck(synthetic.market, "some")  # type: ignore[arg-type]


def test_hashes_that_were_never_recorded_are_counted_apart() -> None:
    found = counts(tape(book(0, BIDS, ASKS), change(5, "BUY", 0.46, 10)))
    assert found == HashCounts(unchecked=2)


def test_the_recorded_capture_verifies_as_its_readme_says() -> None:
    """All books; 96.4 % of the changes, sorted by time, each time and hash once."""
    tapes = open_tapes(data_dir() / "ws_market_btc5m")
    found = [counts(one) for one in tapes]
    assert sum(one.books for one in found) == 88
    assert sum(one.books_failed for one in found) == 0
    right, wrong = sum(one.changes for one in found), sum(one.changes_failed for one in found)
    assert right / (right + wrong) == pytest.approx(0.964, abs=0.001)
