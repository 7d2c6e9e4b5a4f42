"""Plants a defect of `tests.simulation.defect_list` in a copy of the package, and runs seeds."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from polymm.errors import InputError
from tests.simulation.attaching import CheckedWorld
from tests.simulation.defect_list import Defect
from tests.simulation.scenario import draw
from tests.simulation.violations import Violated

ROOT = Path(__file__).resolve().parent.parent.parent
# Compiled modules are linked, their sources and caches are of no use.
_LEFT_OUT = shutil.ignore_patterns("*.pyx", "*.pxd", "*.c", "*.h", "*.so", "__pycache__")


class Outcome(NamedTuple):
    """What a run of seeds gave.

    Args:
        seeds: Those that were run.
        invariant: What fired, "" for nothing, ``crash`` for anything else.
        text: What it said.
    """

    seeds: tuple[int, ...]
    invariant: str
    text: str


@contextmanager
def planted(defect: Defect | None) -> Iterator[Path]:
    """Give the root of a copy with a defect in it, or without any."""
    with tempfile.TemporaryDirectory(prefix="polymm-defect-") as folder:
        root = Path(folder)
        shutil.copytree(ROOT / "polymm", root / "polymm", ignore=_LEFT_OUT)
        for compiled in (ROOT / "polymm").rglob("*.so"):
            if not compiled.with_name(compiled.name.partition(".")[0] + ".pyx").exists():
                continue  # made of a Python file, which must be interpreted here
            (root / compiled.relative_to(ROOT)).symlink_to(compiled)
        (root / "tests").symlink_to(ROOT / "tests")
        if defect is not None:
            path = root / defect.file
            text = path.read_text()
            if text.count(defect.old) != 1:
                raise InputError(f"{defect.file} must hold the text once: {defect.old!r}")
            path.write_text(text.replace(defect.old, defect.new))
        yield root


def run(defect: Defect, n_seeds: int, *, minutes: float, wait_s: float) -> Outcome:
    """Run seeds in a copy of the package until the checker fires."""
    with planted(defect) as root:
        words = [str(n_seeds), str(minutes), *defect.faults]
        environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation.planting", *words],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=wait_s,
            check=False,
        )
    if done.returncode:
        return Outcome((), "crash", done.stderr.strip()[-2_000:])
    seeds, invariant, text = json.loads(done.stdout.splitlines()[-1])
    return Outcome(tuple(seeds), invariant, text)


def telling_seeds(n_seeds: int, minutes: float, faults: Sequence[str]) -> list[int]:
    """Put the seeds first whose scenario has one of these traits."""

    def lacks(seed: int) -> bool:
        return draw(seed, minutes).traits.isdisjoint(faults)

    return sorted(range(n_seeds), key=lacks) if faults else list(range(n_seeds))


def run_here(seeds: Sequence[int], minutes: float) -> Outcome:
    """Run seeds with the package that is imported until anything goes wrong."""
    for number, seed in enumerate(seeds, 1):
        try:
            CheckedWorld(draw(seed, minutes)).run()
        except Violated as violated:
            return Outcome(tuple(seeds[:number]), violated.invariant, f"seed {seed}: {violated}")
        except Exception as error:  # noqa: BLE001 - whatever it is, no invariant caught it
            return Outcome(tuple(seeds[:number]), "crash", f"seed {seed}: {error!r}")
    return Outcome(tuple(seeds), "", "")


def main(n_seeds: str, minutes: str, *faults: str) -> None:
    """Run in a copy; the last line that is printed is the outcome."""
    seeds = telling_seeds(int(n_seeds), float(minutes), faults)
    print(json.dumps(run_here(seeds, float(minutes))))


if __name__ == "__main__":
    main(*sys.argv[1:])
