"""``python -m tests.fuzz``: fuzz one parser or all for long, and keep what failed.

Sessions are numbered, each made from the seed and its number alone, so that one can be run again
by ``--parser NAME --seed N --first K --inputs 1``. What fails is shrunk and written to
tests/fuzz/seeds.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from tests.fuzz.growth import resident_kib
from tests.fuzz.parsers import PARSERS, sessions_of
from tests.fuzz.running import Found, guarded

FAILURES_MAX: Final = 5
REPORT_S: Final = 20
# Inputs handed to a process at once.
SHARE: Final = 10_000
# Of one process, from the time when its buffers have their size.
GROWTH_KIB_MAX: Final = 8_192
WARM_UP_SHARES: Final = 5


@dataclass
class Shared:
    """What one share of sessions came to, in the process of that id."""

    pid: int
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    resident_kib: int = 0


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
    share.resident_kib = resident_kib()
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


def fuzz(parser: str, seed: int, first: int, inputs: int, jobs: int) -> int:
    """Fuzz one parser and report; how many failures."""
    outcomes: Counter[str] = Counter()
    resident: dict[int, list[int]] = {}
    failures = 0
    start = reported = time.monotonic()
    for share in shares(parser, seed, first, inputs, jobs):
        outcomes += share.outcomes
        failures += len(share.failures)
        for failure in share.failures:
            print(failure, flush=True)
        resident.setdefault(share.pid, []).append(share.resident_kib)
        if failures >= FAILURES_MAX:
            break
        if time.monotonic() - reported > REPORT_S:
            reported = time.monotonic()
            print(f"  {outcomes.total():,} inputs", flush=True)
    seconds = time.monotonic() - start
    grown = [found[-1] - found[WARM_UP_SHARES] for found in resident.values()
             if len(found) > WARM_UP_SHARES]  # fmt: skip
    growth = max(grown, default=0)
    if growth > GROWTH_KIB_MAX:
        failures += 1
        print(f"grew by {growth:,} KiB, at most {GROWTH_KIB_MAX:,}")
    counts = ", ".join(f"{n:,} {name}" for name, n in outcomes.most_common())
    print(
        f"{parser}: {outcomes.total():,} inputs in {seconds:.1f} s, "
        f"{outcomes.total() / seconds:,.0f} a second, growth {growth:+,} KiB, seed {seed}\n"
        f"  {counts}\n  {failures} failures",
        flush=True,
    )
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--parser", choices=("all", *PARSERS), default="all")
    parser.add_argument("--inputs", type=int, default=100_000, help="to each parser")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first session")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    asked = parser.parse_args()
    names = PARSERS if asked.parser == "all" else (asked.parser,)
    found = [fuzz(name, asked.seed, asked.first, asked.inputs, asked.jobs) for name in names]
    return 1 if sum(found) else 0


if __name__ == "__main__":
    sys.exit(main())
