"""hftbacktest, in its own environment and process, on the core of everybody."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benches.backtest.feed import peer_events
from benches.environment import interpreter, surroundings

PROGRAM: Final = str(Path(__file__).with_name("peer_program.py"))
VERSION: Final = "2.4.4"
# What it imports, and no more: its reports want a hundred MB of others, and it wants this NumPy.
REQUIREMENTS: Final = ("--no-deps", f"hftbacktest=={VERSION}", "numpy==2.2.6", "numba==0.68.1",
                       "llvmlite==0.50.0")  # fmt: skip


def peer_python() -> str:
    """Give the interpreter that has hftbacktest, making its environment if need be.

    Raises:
        EnvironmentMissingError: It could not be made.
    """
    return interpreter(f"hftbacktest-{VERSION}", *REQUIREMENTS)


def save_events(rows: NDArray[Any], folder: Path) -> Path:
    """Write the events where the program finds them."""
    path = folder / "events.npy"
    np.save(path, peer_events(rows))
    return path


class Peer:
    """A process that does what it is told, a line at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, *words: object) -> dict[str, Any]:
        """Tell it a line and give its answer.

        Raises:
            RuntimeError: The process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"hftbacktest ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def serving(python: str, *arguments: object) -> Iterator[Peer]:
    """Start it on the core of this process, and end it."""
    with subprocess.Popen(
        (python, PROGRAM, *map(str, arguments)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=surroundings(),
    ) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()
