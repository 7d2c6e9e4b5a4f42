"""Finished markets of a run that may last for days: on disk until the report is made of them."""

import pickle
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from polymm.research.records import MarketRun


class RunStore:
    """Keeps records out of memory, in a file that nobody else sees and that ends with us."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="polymm-run-")  # noqa: SIM115
        self._n = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._n

    def add(self, run: MarketRun) -> None:
        """Put a record away; it must not change any more."""
        pickle.dump(run, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self._n += 1

    def read(self) -> Iterator[MarketRun]:
        """Give all records, in the order in which they came."""
        self._file.seek(0)
        for _ in range(self._n):
            record = pickle.load(self._file)
            assert isinstance(record, MarketRun)
            yield record
