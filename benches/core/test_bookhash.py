"""The book hash of a snapshot, off the path."""

from benches.core.conftest import TimePasses
from benches.workload import Workload
from polymm._core.bookhash import BookText


def test_hash_of_a_book(workload: Workload, time_calls: TimePasses) -> None:
    """Time the digest of 16 snapshots from their bytes.

    Slower means a longer check of recordings (121,000 hashes in the tests), nothing else. SHA-1
    over 3.4 kB is most of it.
    """

    def digest(frame: bytes) -> str:
        return BookText(frame).digest(last_trade_price="0.500")

    time_calls([lambda frame=frame: digest(frame) for frame in workload.books[:16]])
