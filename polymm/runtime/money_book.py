"""What an account had when its first run began and what its windows moved since, over restarts.

Small, and kept whole: a new file replaces the old one at once, so that a crash leaves one of them.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from polymm.errors import LedgerError

# Windows whose money is counted; more cannot be asked about again.
WINDOWS_MAX: Final = 1_000


@dataclass(slots=True)
class MoneyBook:
    """Money of one account by its windows, 1e-6 dollars.

    Attributes:
        began_ns: When the first run began, 0 before.
        cash_start_e6: Balance then, ``rebates_start_e6`` the rebates of those days.
        moved_e6: What all settled windows moved, as the venue lists it.
        owed_e6: What was not redeemed of them.
        windows: The latest of them by condition id, with what each moved.
    """

    began_ns: int = 0
    cash_start_e6: int = 0
    rebates_start_e6: int = 0
    moved_e6: int = 0
    owed_e6: int = 0
    windows: dict[str, int] = field(default_factory=dict)

    def settle(self, condition_id: str, moved_e6: int, owed_e6: int) -> None:
        """Count a window, once."""
        if condition_id in self.windows:
            return
        self.windows[condition_id] = moved_e6
        self.moved_e6 += moved_e6
        self.owed_e6 += owed_e6
        if len(self.windows) > WINDOWS_MAX:
            del self.windows[next(iter(self.windows))]

    def save(self, path: Path) -> None:
        """Put it into a file.

        Raises:
            LedgerError: It cannot be written.
        """
        passing = path.with_suffix(".new")
        try:
            with passing.open("w") as file:
                json.dump(asdict(self), file)
                file.flush()
                os.fsync(file.fileno())
            passing.replace(path)
        except OSError as error:
            raise LedgerError(f"{path}: cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path) -> "MoneyBook":
        """Read it back; an empty one where there is none.

        Raises:
            LedgerError: It cannot be read.
        """
        try:
            text = path.read_text()
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise LedgerError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            book = cls(**json.loads(text))
            numbers = (book.began_ns, book.cash_start_e6, book.rebates_start_e6, book.moved_e6)
            found: tuple[object, ...] = (*numbers, book.owed_e6, *book.windows.values())
        except (ValueError, TypeError, AttributeError):
            found = (None,)
        if not all(type(one) is int for one in found):
            raise LedgerError(f"{path}: is not what a run left there")
        return book
