"""Who takes part in table B: each form of analysis and quote over the same books.

Every call is a `functools.partial` over ready arguments, so that each row pays the same for being
called (the null row shows it); whoever keeps lists or arrays up to date does it untimed, which is
kind to them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benches.peers.quotes import CASES, Answer, QuoteCase, quote_lists
from benches.timing import Contender, Skipped

POLYMM = "polymm lane.evaluate"
POLYMM_READ = "polymm lane.evaluate, quote read as Python values"
SORTED_LISTS = "pure Python over sorted lists"
SORTED_DICT = "pure Python over SortedDict (poly-maker style)"
NUMPY = "NumPy vectorised"
NUMBA = "Numba njit, 5 arrays + 2 scalars"
NUMBA_PACKED = "Numba njit, everything in 2 arrays"
NULL_CALL = "null call: what every row pays for being called"
PYTHON_PEERS = (SORTED_LISTS, SORTED_DICT, NUMPY)
COMPILED_PEERS = (NUMBA, NUMBA_PACKED)


@dataclass(frozen=True, slots=True)
class QuoteContender:
    """One call a case, and what the calls answer, for comparison."""

    name: str
    calls: Sequence[Callable[[], object]]
    answers: Callable[[], list[Answer]]

    def timed(self) -> Contender:
        """Make the row that is timed: the cases often, so that reading the clock is lost."""
        calls = [*self.calls] * 32

        def run() -> None:
            for call in calls:
                call()

        return Contender(self.name, lambda: run, len(calls))


def null_call() -> Contender:
    """Make the row that does nothing: a partial of the cheapest C function of one argument."""
    return QuoteContender(NULL_CALL, [partial(callable, None)] * CASES, list).timed()


def _split(case: QuoteCase) -> tuple[list[float], list[float], list[float], list[float]]:
    return (
        [price / 10_000 for price, _ in case.bids],
        [size / 1_000_000 for _, size in case.bids],
        [price / 10_000 for price, _ in case.asks],
        [size / 1_000_000 for _, size in case.asks],
    )


def _shares(case: QuoteCase) -> tuple[float, float]:
    return case.up_e6 / 1_000_000, case.down_e6 / 1_000_000


def _answered(calls: Sequence[Callable[[], Answer | None]]) -> list[Answer]:
    answers = [call() for call in calls]
    return [answer for answer in answers if answer is not None]


def _polymm(cases: Sequence[QuoteCase]) -> QuoteContender:
    from benches.peers.ours import NOW_NS, answer_of, lane_of

    lanes = [lane_of(case) for case in cases]
    calls = [partial(lane.evaluate, NOW_NS) for lane in lanes]

    def answers() -> list[Answer]:
        for call in calls:
            call()
        return [answer_of(lane) for lane in lanes]

    return QuoteContender(POLYMM, calls, answers)


def _polymm_read(cases: Sequence[QuoteCase]) -> QuoteContender:
    from benches.peers.ours import answer_of, evaluate_and_read, lane_of

    lanes = [lane_of(case) for case in cases]
    calls = [partial(evaluate_and_read, lane) for lane in lanes]

    def answers() -> list[Answer]:
        for call in calls:
            call()
        return [answer_of(lane) for lane in lanes]

    return QuoteContender(POLYMM_READ, calls, answers)


def _lists(cases: Sequence[QuoteCase]) -> QuoteContender:
    calls = [partial(quote_lists, *_split(case), *_shares(case)) for case in cases]
    return QuoteContender(SORTED_LISTS, calls, lambda: _answered(calls))


def _sorted_dict(cases: Sequence[QuoteCase]) -> QuoteContender:
    from sortedcontainers import SortedDict

    from benches.peers.sorted_quotes import quote_sorted

    calls = []
    for case in cases:
        bid_prices, bid_sizes, ask_prices, ask_sizes = _split(case)
        bids = SortedDict(zip(bid_prices, bid_sizes, strict=True))
        asks = SortedDict(zip(ask_prices, ask_sizes, strict=True))
        calls.append(partial(quote_sorted, bids, asks, *_shares(case)))
    return QuoteContender(SORTED_DICT, calls, lambda: _answered(calls))


def _numpy(cases: Sequence[QuoteCase]) -> QuoteContender:
    import numpy as np

    from benches.peers.numpy_quotes import quote_arrays

    calls = [partial(quote_arrays, *map(np.array, _split(case)), *_shares(case)) for case in cases]
    return QuoteContender(NUMPY, calls, lambda: _answered(calls))


def _numba(cases: Sequence[QuoteCase]) -> QuoteContender:
    import numpy as np

    from benches.peers.numba_quotes import quote_into

    outs = [np.zeros(7) for _ in cases]
    calls = [
        partial(quote_into, *map(np.array, _split(case)), *_shares(case), out)
        for case, out in zip(cases, outs, strict=True)
    ]
    return QuoteContender(NUMBA, calls, partial(_from_arrays, calls, outs))


def _numba_packed(cases: Sequence[QuoteCase]) -> QuoteContender:
    import numpy as np

    from benches.peers.numba_quotes import quote_into_packed

    outs = [np.zeros(7) for _ in cases]
    calls = []
    for case, out in zip(cases, outs, strict=True):
        rows = [*_split(case), list(_shares(case))]
        packed = np.zeros((5, max(map(len, rows))))
        for i, row in enumerate(rows):
            packed[i, : len(row)] = row
        calls.append(partial(quote_into_packed, packed, out))
    return QuoteContender(NUMBA_PACKED, calls, partial(_from_arrays, calls, outs))


def _from_arrays(calls: Sequence[Callable[[], int]], outs: Sequence[object]) -> list[Answer]:
    return [Answer._make(map(float, out)) for call, out in zip(calls, outs, strict=True) if call()]


MAKERS = {
    POLYMM: _polymm,
    POLYMM_READ: _polymm_read,
    NUMBA_PACKED: _numba_packed,
    NUMBA: _numba,
    SORTED_LISTS: _lists,
    SORTED_DICT: _sorted_dict,
    NUMPY: _numpy,
}


def quote_contenders(cases: Sequence[QuoteCase]) -> list[QuoteContender | Skipped]:
    """Make the contenders of table B; one whose package is missing becomes a `Skipped` row."""
    rows: list[QuoteContender | Skipped] = []
    for name, make in MAKERS.items():
        try:
            rows.append(make(cases))
        except ModuleNotFoundError as error:
            rows.append(Skipped(name, error.name or "unknown"))
    return rows
