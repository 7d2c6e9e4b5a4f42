"""``python -m tests.fuzz``: fuzz one parser or all for long, and keep what failed.

Sessions are numbered, each made from the seed and its number alone, so that one can be run again
by ``--parser NAME --seed N --first K --inputs 1``. What fails is shrunk and written to
tests/fuzz/seeds.
"""

import argparse
import sys
import time
from collections import Counter
from typing import Final

from tests.fuzz.memory import Allocated
from tests.fuzz.parsers import PARSERS
from tests.fuzz.shares import FAILURES_MAX, shares

REPORT_S: Final = 20
# Of one process, from the time when its buffers and orjson's cache of 2,048 keys have their size:
# what is in use, since memory that allocators keep follows the largest inputs for millions more.
GROWTH_MAX: Final = Allocated(kib=1_024, blocks=8_192)
WARM_UP_SHARES: Final = 5


def fuzz(parser: str, seed: int, first: int, inputs: int, jobs: int) -> int:
    """Fuzz one parser and report; how many failures."""
    outcomes: Counter[str] = Counter()
    in_use: dict[int, list[Allocated]] = {}
    failures = 0
    start = reported = time.monotonic()
    for share in shares(parser, seed, first, inputs, jobs):
        outcomes += share.outcomes
        failures += len(share.failures)
        for failure in share.failures:
            print(failure, flush=True)
        in_use.setdefault(share.pid, []).append(share.allocated)
        if failures >= FAILURES_MAX:
            break
        if time.monotonic() - reported > REPORT_S:
            reported = time.monotonic()
            print(f"  {outcomes.total():,} inputs", flush=True)
    seconds = time.monotonic() - start
    spans = [(found[WARM_UP_SHARES], found[-1]) for found in in_use.values()
             if len(found) > WARM_UP_SHARES]  # fmt: skip
    kib = max((last.kib - first.kib for first, last in spans), default=0)
    blocks = max((last.blocks - first.blocks for first, last in spans), default=0)
    if kib > GROWTH_MAX.kib or blocks > GROWTH_MAX.blocks:
        failures += 1
        print(f"grew by more than {GROWTH_MAX.kib:,} KiB or {GROWTH_MAX.blocks:,} blocks")
    counts = ", ".join(f"{n:,} {name}" for name, n in outcomes.most_common())
    print(
        f"{parser}: {outcomes.total():,} inputs in {seconds:.1f} s, "
        f"{outcomes.total() / seconds:,.0f} a second, growth {kib:+,} KiB and "
        f"{blocks:+,} blocks, seed {seed}\n"
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
