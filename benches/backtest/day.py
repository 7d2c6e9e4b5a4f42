"""A day of five-minute windows over mapped tapes: on one core, on two, and memory by trials."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any, Final, NamedTuple

import polymm
from benches.backtest.feed import START_NS, make_rows, pack_rows
from benches.backtest.ours import run_tape, settings
from polymm.research.backtest import sound_rows
from polymm.research.tape_file import open_tape, write_packed

WINDOWS: Final = 288
WINDOW_NS: Final = 300_000_000_000


class Shift(NamedTuple):
    """What some processes took for their shares of a day: wall, and the most CPU of one."""

    wall_ns: int
    cpu_ns: int


def write_day(folder: Path, *, windows: int, events_n: int, seed: int) -> None:
    """Write a tape for each window."""
    for number in range(windows):
        rows = make_rows(
            events_n,
            seed=seed + number,
            every_ns=WINDOW_NS // (events_n + 1),
            start_ns=START_NS + number * WINDOW_NS,
        )
        write_packed(folder / f"{number:03}.tape", pack_rows(rows, number=number))


def work(folder: str, every_ns: int, share: int, shares: int) -> dict[str, Any]:
    """Run every so-many-th window of a folder, as a worker of a sweep does."""
    began_ns = process_time_ns()
    wanted = settings(every_ns)
    fills = rows_n = 0
    for path in sorted(Path(folder).glob("*.tape"))[share::shares]:
        tape = open_tape(path, check=False)
        fills += run_tape(tape, sound_rows(tape, feed_ns=0), wanted)["fills"]
        rows_n += len(tape.rows)
    return {"fills": fills, "rows": rows_n, "cpu_ns": process_time_ns() - began_ns}


def trials(path: str, every_ns: int, count: int) -> dict[str, Any]:
    """Run one window again and again; the most memory after a tenth of them, and after all."""
    tape = open_tape(path, check=False)
    rows = sound_rows(tape, feed_ns=0)
    wanted = settings(every_ns)
    early_kb = 0
    for number in range(count):
        run_tape(tape, rows, wanted)
        if number == count // 10:
            early_kb = _most_kb()
    return {"early_kb": early_kb, "late_kb": _most_kb()}


def _most_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def shift(folder: Path, every_ns: int, cores: list[int]) -> Shift:
    """Share a day among processes, each pinned to a core; their start is not timed.

    Raises:
        RuntimeError: One failed.
    """
    workers = [
        _start("work", str(folder), str(every_ns), str(share), str(len(cores)), core=core)
        for share, core in enumerate(cores)
    ]
    try:
        for worker in workers:
            _read(worker)
        began_ns = perf_counter_ns()
        for worker in workers:
            _tell(worker)
        answers = [_read(worker) for worker in workers]
        wall_ns = perf_counter_ns() - began_ns
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    return Shift(wall_ns, max(answer["cpu_ns"] for answer in answers))


def memory(path: Path, every_ns: int, count: int) -> dict[str, Any]:
    """Run `trials` in a process of its own."""
    worker = _start("trials", str(path), str(every_ns), str(count), core=None)
    try:
        _read(worker)
        _tell(worker)
        return _read(worker)
    finally:
        worker.kill()
        worker.communicate()


def _start(*arguments: str, core: int | None) -> "subprocess.Popen[str]":
    root = Path(__file__).resolve().parents[2]
    paths = {str(Path(polymm.__file__).parents[1]): None, str(root): None}
    command = (sys.executable, "-P", "-m", "benches.backtest.day", str(core), *arguments)
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )


def _tell(worker: "subprocess.Popen[str]") -> None:
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()


def _read(worker: "subprocess.Popen[str]") -> dict[str, Any]:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"a worker ended with {worker.wait()}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def main(arguments: list[str]) -> None:
    """Be a worker: say when ready, wait for the word, work, answer."""
    core, what, *rest = arguments
    if core != "None" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    if what == "work":
        folder, every_ns, share, shares = rest
        answer = work(folder, int(every_ns), int(share), int(shares))
    else:
        path, every_ns, count = rest
        answer = trials(path, int(every_ns), int(count))
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
