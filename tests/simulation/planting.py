"""Runs the planted defects of `tests.simulation.defects`: each in a copy of the package."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.simulation.defects import Defect

ROOT = Path(__file__).resolve().parent.parent.parent
# Compiled modules are linked, their sources and caches are of no use.
_LEFT_OUT = shutil.ignore_patterns("*.pyx", "*.pxd", "*.c", "*.h", "*.so", "__pycache__")


class Outcome(NamedTuple):
    """What a run of seeds gave.

    Args:
        seeds: How many were run.
        invariant: What fired, "" for nothing, ``crash`` for anything else.
        text: What it said.
    """

    seeds: int
    invariant: str
    text: str


@contextmanager
def planted(defect: Defect | None) -> Iterator[Path]:
    """Give the root of a copy with a defect in it, or without any."""
    with tempfile.TemporaryDirectory(prefix="polymm-defect-") as folder:
        root = Path(folder)
        shutil.copytree(ROOT / "polymm", root / "polymm", ignore=_LEFT_OUT)
        for compiled in (ROOT / "polymm").rglob("*.so"):
            (root / compiled.relative_to(ROOT)).symlink_to(compiled)
        (root / "tests").symlink_to(ROOT / "tests")
        if defect is not None:
            path = root / defect.file
            text = path.read_text()
            assert text.count(defect.old) == 1, f"{defect.name}: the text must stand there once"
            path.write_text(text.replace(defect.old, defect.new))
        yield root


def run(defect: Defect | None, first: int, last: int, *, minutes: float, wait_s: float) -> Outcome:
    """Run seeds in a copy of the package until the checker fires."""
    with planted(defect) as root:
        words = [str(first), str(last), str(minutes)]
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
        return Outcome(0, "crash", done.stderr.strip()[-2_000:])
    return Outcome(*json.loads(done.stdout.splitlines()[-1]))


def run_here(first: int, last: int, minutes: float) -> Outcome:
    """Run seeds with the package that is imported until anything goes wrong."""
    from tests.simulation.attaching import CheckedWorld
    from tests.simulation.scenario import draw
    from tests.simulation.violations import Violated

    for seed in range(first, last):
        try:
            CheckedWorld(draw(seed, minutes)).run()
        except Violated as violated:
            return Outcome(seed + 1 - first, violated.invariant, f"seed {seed}: {violated}")
        except Exception as error:  # noqa: BLE001 - whatever it is, no invariant caught it
            return Outcome(seed + 1 - first, "crash", f"seed {seed}: {error!r}")
    return Outcome(last - first, "", "")


if __name__ == "__main__":
    print(json.dumps(run_here(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
