"""``python -m tests.fuzz``: fuzz the decoder for long, and keep what failed.

Sessions are numbered, each made from the seed and its number alone, so that one can be run again
by ``--seed N --first K --count 1``. A case that fails is shrunk and written to tests/fuzz/seeds.
"""

import argparse
import faulthandler
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fuzz.frames import FrameMaker
from tests.fuzz.seeds import Frames, shrink, write_seed
from tests.fuzz.session import run

FRAMES_A_SESSION = 64
FAILURES_MAX = 5
REPORT_S = 20


def session_frames(seed: int, number: int) -> Frames:
    """Make the frames of one session."""
    maker = FrameMaker(Random(f"{seed}/{number}"))
    return [maker.frame() for _ in range(FRAMES_A_SESSION)]


def failure(frames: Frames, *, with_oracle: bool = True) -> str:
    """Run a session and say what failed, "" for nothing."""
    try:
        run(frames, with_oracle=with_oracle)
    except Exception as error:  # noqa: BLE001  whatever leaves the decoder is a finding
        return f"{type(error).__name__}: {error}"
    return ""


def keep(seed: int, number: int, said: str) -> Path:
    """Shrink a failing session to the same failure and write it down."""
    signature = said[:40]
    case = shrink(session_frames(seed, number), lambda c: failure(c)[:40] == signature)
    return write_seed(case, f"{said[:300]}\nFound by seed {seed}, session {number}.")


def sessions(first: int, count: int, note: int) -> Iterator[int]:
    """Number the sessions; each number is noted in a file first, for a process that dies."""
    for number in range(first, first + count):
        os.pwrite(note, b"%-12d" % number, 0)
        yield number


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="frames, in sessions of 64")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first session")
    parser.add_argument("--oracle-every", type=int, default=4, help="sessions; 0: never")
    arguments = parser.parse_args()
    faulthandler.enable()
    n_sessions = -(-arguments.count // FRAMES_A_SESSION)
    outcomes: Counter[str] = Counter()
    failures = 0
    start = reported = time.monotonic()
    note, path = tempfile.mkstemp(prefix="polymm-fuzz-session-")
    print(f"seed {arguments.seed}; the session in work is noted in {path}", flush=True)
    for number in sessions(arguments.first, n_sessions, note):
        with_oracle = arguments.oracle_every > 0 and number % arguments.oracle_every == 0
        frames = session_frames(arguments.seed, number)
        try:
            outcomes += run(frames, with_oracle=with_oracle)
        except Exception as error:  # noqa: BLE001  whatever leaves the decoder is a finding
            failures += 1
            said = f"{type(error).__name__}: {error}"
            print(
                f"session {number} failed: {said}\n  kept as {keep(arguments.seed, number, said)}"
            )
        if failures >= FAILURES_MAX:
            break
        if time.monotonic() - reported > REPORT_S:
            reported = time.monotonic()
            print(f"  session {number}: {outcomes.total() // 2:,} frames", flush=True)
    os.close(note)
    os.unlink(path)
    seconds = time.monotonic() - start
    frames_n = sum(outcomes[name] for name in ("fast", "tolerant", "refused"))
    print(f"{frames_n:,} frames in {seconds:.1f} s, {frames_n / seconds:,.0f} a second")
    print(f"by outcome: {counts(outcomes, ('fast', 'tolerant', 'refused'))}")
    print(f"by kind: {counts(outcomes, ('usual', 'restyled', 'odd', 'broken'))}")
    print(f"{failures} failures")
    return 1 if failures else 0


def counts(outcomes: Counter[str], names: tuple[str, ...]) -> str:
    return ", ".join(f"{outcomes[name]:,} {name}" for name in names)


if __name__ == "__main__":
    sys.exit(main())
