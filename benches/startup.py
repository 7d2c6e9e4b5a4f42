"""Time fresh processes: what importing polymm and its command line cost over bare Python."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter_ns

import polymm
from benches.timing import Sample

BARE = "bare python"
NUMPY = "import numpy"
POLYMM = "import polymm, make a Book"
TYPER_HELP = "bare typer program --help"
PLAIN_HELP = "bare typer program --help, Rich off"
POLYMM_HELP = "polymm --help"

_TYPER_PROGRAM = '''
import typer
app = typer.Typer({})
@app.command()
def run() -> None:
    """Run."""
app()
'''
PROGRAMS = {
    BARE: ("-c", "pass"),
    NUMPY: ("-c", "import numpy"),
    POLYMM: ("-c", "import polymm; polymm.Book()"),
    TYPER_HELP: ("-c", _TYPER_PROGRAM.format(""), "--help"),
    PLAIN_HELP: ("-c", _TYPER_PROGRAM.format("rich_markup_mode=None"), "--help"),
    POLYMM_HELP: ("-m", "polymm", "--help"),
}


def measure_startup(
    *, rounds: int, seed: int = 1, tick: Callable[[], object] = lambda: None
) -> dict[str, Sample]:
    """Run each program in a fresh process, interleaved; one round before the first is untimed.

    Every child sees the same environment, polymm's own folder on its path included.

    Raises:
        subprocess.CalledProcessError: A program failed; its output is in the error.
    """
    environment = os.environ | {"PYTHONPATH": str(Path(polymm.__file__).parents[1])}
    figures: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    order = list(PROGRAMS)
    shuffle = random.Random(seed).shuffle
    for i in range(rounds + 1):
        shuffle(order)
        for name in order:
            start = perf_counter_ns()
            subprocess.run(
                [sys.executable, "-P", *PROGRAMS[name]],
                check=True,
                capture_output=True,
                env=environment,
            )
            if i:
                figures[name].append(perf_counter_ns() - start)
        tick()
    return {name: Sample(median(values), min(values), rounds) for name, values in figures.items()}
