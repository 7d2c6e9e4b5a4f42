"""Lifting the limits of losses that an account's engine has reached: a person's act, never a run's.

The limits stand in the journal, where each start finds them. So lifting them is one more record
there, written while no engine runs.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from polymm.errors import ConfigError
from polymm.runtime.journal_files import JournalSettings, open_journal

_NAME: Final = re.compile(r"([A-Za-z0-9_-]{1,100})\.\d{8,12}\.journal")


class Lifted(NamedTuple):
    """Limits of one account that bind no more, with when each was reached, ns."""

    account: str
    limits: tuple[tuple[str, int], ...]


def lift(directory: Path, now_ns: int) -> list[Lifted]:
    """Lift the limits of all accounts whose journals are in a directory.

    Args:
        now_ns: Time of day.

    Returns:
        Each account, with nothing where none of its limits was reached: then nothing is written.

    Raises:
        ConfigError: No journal is there.
        LockedError: An engine of such an account runs; those before it are lifted.
        JournalError: A journal cannot be read or written.
    """
    names = (_NAME.fullmatch(path.name) for path in directory.glob("*.journal"))
    accounts = sorted({name[1] for name in names if name is not None})
    if not accounts:
        raise ConfigError(f"{directory}: no journal is there")
    return [_lift(directory, account, now_ns) for account in accounts]


def _lift(directory: Path, account: str, now_ns: int) -> Lifted:
    journal = open_journal(directory, account, JournalSettings())
    try:
        reached = tuple((one.limit, one.at_ns) for one in journal.state.losses.reached.values())
        if reached:
            journal.lift(now_ns)
    finally:
        journal.close()
    return Lifted(account, reached)
