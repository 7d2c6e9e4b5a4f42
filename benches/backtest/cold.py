"""From a cold process to its first result on one market, beside hftbacktest."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Final

import polymm
from benches.backtest.peer import PROGRAM
from benches.environment import surroundings
from benches.timing import Sample

POLYMM: Final = "polymm"
PEER: Final = "hftbacktest ROIVector"
# As a user would: open the tape with its checksum, run with the strategy that is built in.
_OURS: Final = """
import sys
from benches.backtest.ours import run_tape, settings
from polymm.research.backtest import sound_rows
from polymm.research.tape_file import open_tape
tape = open_tape(sys.argv[1])
print(run_tape(tape, sound_rows(tape, feed_ns=0), settings(int(sys.argv[2]))))
"""


def commands(
    tape: Path, events: Path, every_ns: int, python: str | None
) -> dict[str, tuple[str, ...]]:
    """The programs, by row; each prints its result."""
    found = {POLYMM: (sys.executable, "-P", "-c", _OURS, str(tape), str(every_ns))}
    if python is not None:
        found[PEER] = (python, PROGRAM, "once", str(events), "roi", str(every_ns))
    return found


def measure_cold(
    programs: Mapping[str, tuple[str, ...]],
    *,
    rounds: int,
    seed: int = 1,
    tick: Callable[[], object] = lambda: None,
) -> dict[str, Sample]:
    """CPU time of whole processes, in turns; one round before the first is untimed.

    Raises:
        subprocess.CalledProcessError: A program failed.
    """
    root = Path(__file__).resolve().parents[2]
    paths = {str(Path(polymm.__file__).parents[1]): None, str(root): None}
    ours = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    figures: dict[str, list[float]] = {name: [] for name in programs}
    order = list(programs)
    shuffle = random.Random(seed).shuffle
    for i in range(rounds + 1):
        shuffle(order)
        for name in order:
            before = os.times()
            subprocess.run(
                programs[name],
                check=True,
                capture_output=True,
                env=ours if name == POLYMM else surroundings(),
            )
            after = os.times()
            if i:
                spent = after.children_user + after.children_system
                spent -= before.children_user + before.children_system
                figures[name].append(spent * 1e9)
        tick()
    return {name: Sample(median(values), min(values), rounds) for name, values in figures.items()}
