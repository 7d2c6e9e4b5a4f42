"""Sessions in shares, each done by some process, with what it came to."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from tests.fuzz.memory import NOTHING, Allocated, allocated
from tests.fuzz.parsers import sessions_of
from tests.fuzz.running import Found, guarded

FAILURES_MAX: Final = 5
# Inputs handed to a process at once.
SHARE: Final = 10_000


@dataclass
class Shared:
    """What one share of sessions came to, in the process of that id."""

    pid: int
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    allocated: Allocated = NOTHING


def run_share(parser: str, seed: int, first: int, count: int, folder: str) -> Shared:
    """Run some sessions; each number is noted in a file first, for a process that dies."""
    sessions = sessions_of(parser)
    share = Shared(os.getpid())
    note = os.open(Path(folder) / f"{parser}-{share.pid}", os.O_WRONLY | os.O_CREAT, 0o600)
    for number in range(first, first + count):
        os.pwrite(note, b"%-12d" % number, 0)
        try:
            share.outcomes += guarded(partial(sessions.run, seed, number))
        except Exception as error:  # noqa: BLE001  whatever leaves a parser is a finding
            said = str(error) if isinstance(error, Found) else f"{type(error).__name__}: {error}"
            kept = sessions.keep(seed, number, said)
            share.failures.append(f"session {number} failed: {said}\n  kept as {kept}")
        if len(share.failures) >= FAILURES_MAX:
            break
    os.close(note)
    share.allocated = allocated()
    return share


def shares(parser: str, seed: int, first: int, inputs: int, jobs: int) -> Iterator[Shared]:
    """Run all sessions in so many processes; what each share came to.

    Raises:
        BrokenProcessPool: A process died; the session it had in work is noted.
    """
    size = sessions_of(parser).inputs_a_session
    last = first + -(-inputs // size)
    step = max(SHARE // size, 1)
    with tempfile.TemporaryDirectory(prefix="polymm-fuzz-") as folder:
        calls = [
            (parser, seed, number, min(step, last - number), folder)
            for number in range(first, last, step)
        ]
        if jobs == 1:
            for call in calls:
                yield run_share(*call)
            return
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            try:
                yield from pool.map(run_share, *zip(*calls, strict=True))
            except BrokenProcessPool:
                for path in Path(folder).iterdir():
                    print(f"  {path.name} was in session {path.read_text().strip()}")
                raise
            finally:
                pool.shutdown(cancel_futures=True)
