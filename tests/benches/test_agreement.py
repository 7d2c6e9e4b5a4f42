"""Every contender does the whole work: same books, same best prices, same quotes as polymm."""

import pytest

from benches.agreement import DisagreementError, check_books, check_quotes
from benches.peers import quote_roster
from benches.peers.books import DictBook, Loaded, Tops
from benches.peers.ours import Polymm
from benches.peers.quote_roster import QuoteContender
from benches.peers.quotes import quote_cases
from benches.peers.roster import BOOK_PEERS, KEPT_PEERS, POLYMM, contenders_or_skipped
from benches.timing import Contender, Skipped
from benches.workload import LARGER_SIZES, recorded, synthetic
from tests.support.recordings import data_dir


def _everyone(workload):
    makers = {**BOOK_PEERS, **KEPT_PEERS}
    return {POLYMM: Polymm(workload)} | {name: make(workload) for name, make in makers.items()}


@pytest.mark.parametrize(
    "workload", [synthetic(), synthetic(LARGER_SIZES)], ids=["recorded", "larger"]
)
def test_all_contenders_keep_equal_books_on_synthetic_messages(workload) -> None:
    everyone = _everyone(workload)
    check_books(workload, everyone)
    counters = everyone[POLYMM].decoder.counters()
    assert counters["fast"] == counters["frames"]
    assert not any(
        counters[name] for name in ("top_mismatches", "deltas_late", "books_late", "foreign")
    )


def test_all_contenders_keep_equal_books_on_recorded_messages() -> None:
    workload = recorded(data_dir())
    check_books(workload, _everyone(workload))


def test_a_contender_that_drops_a_message_is_found_out() -> None:
    workload = synthetic(price_changes=32, books=2)

    class Lazy(Polymm):
        def feed(self, frame: bytes) -> int:
            return 0 if frame == workload.price_changes[7] else super().feed(frame)

    with pytest.raises(DisagreementError, match="lazy"):
        check_books(workload, {POLYMM: Polymm(workload), "lazy": Lazy(workload)})


def test_a_contender_that_does_not_follow_the_best_is_found_out() -> None:
    import json

    workload = synthetic(price_changes=256, books=2)

    class Blind(Loaded):
        def tops(self) -> Tops:
            return (4_900, 5_000), (5_000, 5_100)

    with pytest.raises(DisagreementError, match="best after"):
        check_books(
            workload, {POLYMM: Polymm(workload), "blind": Blind(workload, DictBook, json.loads)}
        )


def test_all_contenders_quote_alike() -> None:
    rows = quote_roster.quote_contenders(quote_cases(synthetic()))
    assert not [row for row in rows if isinstance(row, Skipped)]
    answers = {row.name: row.answers() for row in rows if isinstance(row, QuoteContender)}
    assert len(answers[quote_roster.POLYMM]) == 16
    assert all(answer.bid_size and answer.ask_size for answer in answers[quote_roster.POLYMM])
    check_quotes(answers)


def test_a_quote_off_by_a_tick_is_found_out() -> None:
    rows = quote_roster.quote_contenders(quote_cases(synthetic()))
    good = rows[0].answers()
    bad = [answer._replace(bid=answer.bid - 0.01) for answer in good]
    with pytest.raises(DisagreementError, match="hasty"):
        check_quotes({POLYMM: good, "hasty": bad})


def test_a_missing_package_becomes_a_skipped_row() -> None:
    def make() -> Contender:
        raise ModuleNotFoundError("No module named 'rare'", name="rare")

    assert contenders_or_skipped({"rare + dict": make}) == [Skipped("rare + dict", "rare")]
