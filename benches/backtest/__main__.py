"""Command line: ``python -m benches.backtest``."""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ctypes import byref
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Any, Final

from numpy.typing import NDArray

import polymm
from benches.backtest import cold, day, ours
from benches.backtest.feed import HALF, MS, ORDER_NS, SIZE_E6, Told, bare, make_rows, pack_rows
from benches.backtest.peer import VERSION, peer_python, save_events, serving
from benches.environment import EnvironmentMissingError
from benches.goals import Goal, over
from benches.report import Table, as_json, goals_text, table_text
from benches.timing import Sample, quiet_machine
from polymm._core.tape_rows import TapeRows
from polymm.research.tape_file import write_packed

BARE: Final = "bare C loop"
LIMIT: Final = "limit: every row read once"
POLYMM: Final = "polymm, the whole model"
NUMBA: Final = "polymm, a user's quoter in Numba"
ROI: Final = "hftbacktest ROIVector"
HASHMAP: Final = "hftbacktest HashMap"
TEN_MS: Final = "every 10 ms"
EVERY: Final = "every event"
COLUMNS: Final = {TEN_MS: 10 * MS, EVERY: 0}

# One pass: ns of CPU, orders, fills.
Pass = Callable[[], dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much to measure: rounds, events, fresh processes, windows of a day and their events."""

    rounds: int
    events: int
    cold_rounds: int
    cold_events: int
    day_rounds: int
    windows: int
    window_events: int
    trials: int


FULL: Final = Effort(
    rounds=11,
    events=1_000_000,
    cold_rounds=5,
    cold_events=300_000,
    day_rounds=3,
    windows=day.WINDOWS,
    window_events=100_000,
    trials=300,
)
SMOKE: Final = Effort(
    rounds=1,
    events=5_000,
    cold_rounds=1,
    cold_events=2_000,
    day_rounds=1,
    windows=4,
    window_events=1_000,
    trials=20,
)


@dataclass(slots=True)
class Outcome:
    """Everything one run measured."""

    machine: dict[str, Any]
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="benches.backtest", description="The backtest beside hftbacktest and a bare C loop."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, times in ns")
    parser.add_argument("--smoke", action="store_true", help="one round of few events")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal misses its gate")
    parser.add_argument("--rounds", type=int, help=f"rounds, {FULL.rounds} as it ships")
    parser.add_argument("--events", type=int, help=f"events, {FULL.events:,} as it ships")
    parser.add_argument("--seed", type=int, default=1, help="of events and order of contenders")
    parser.add_argument("--no-peer", action="store_true", help="leave hftbacktest out")
    parser.add_argument("--no-day", action="store_true", help="leave the day of windows out")
    return parser.parse_args(arguments)


def bare_pass(rows: NDArray[Any], every_ns: int) -> dict[str, int]:
    """The yardstick."""
    told = Told()
    began_ns = thread_time_ns()
    bare().run_bare(rows.ctypes.data, len(rows), every_ns, ORDER_NS, HALF, SIZE_E6, byref(told))
    return {"ns": thread_time_ns() - began_ns, "orders": told.orders, "fills": told.fills}


def limit_pass(rows: NDArray[Any]) -> dict[str, int]:
    """What nothing can be faster than."""
    began_ns = thread_time_ns()
    bare().read_once(rows.ctypes.data, len(rows))
    return {"ns": thread_time_ns() - began_ns, "orders": 0, "fills": 0}


def our_passes(rows: NDArray[Any]) -> dict[tuple[str, str], Pass]:
    """Contenders of this process, by column and row; polymm's own rows are checked before."""
    tape = pack_rows(rows)
    checked = TapeRows(tape.rows)
    found: dict[tuple[str, str], Pass] = {}
    quoters = {POLYMM: None, NUMBA: compiled_quoter()}
    for column, every_ns in COLUMNS.items():
        found[column, LIMIT] = lambda: limit_pass(rows)
        found[column, BARE] = lambda every_ns=every_ns: bare_pass(rows, every_ns)  # type: ignore[misc]
        for name, quoter in quoters.items():
            if name == NUMBA and quoter is None:
                continue
            wanted = ours.settings(every_ns, quoter or 0)
            found[column, name] = lambda wanted=wanted: ours.run_tape(  # type: ignore[misc]
                tape, checked, wanted
            )
    return found


def compiled_quoter() -> Any:
    """The user's quoter, None without Numba."""
    from polymm._core.quoter import compile_quoter

    try:
        return compile_quoter(ours.best_of_mid)
    except ModuleNotFoundError:
        return None


@contextmanager
def all_passes(
    rows: NDArray[Any], python: str | None, folder: Path
) -> Iterator[dict[tuple[str, str], Pass]]:
    """Everybody's."""
    found = our_passes(rows)
    with ExitStack() as stack:
        if python is not None:
            peer = stack.enter_context(serving(python, "serve", save_events(rows, folder)))
            for column, every_ns in COLUMNS.items():
                for name, depth in ((ROI, "roi"), (HASHMAP, "hashmap")):
                    found[column, name] = lambda depth=depth, every_ns=every_ns: peer.ask(  # type: ignore[misc]
                        depth, every_ns
                    )
        yield found


def measure(
    passes: dict[tuple[str, str], Pass],
    events_n: int,
    *,
    rounds: int,
    seed: int,
    tick: Callable[[str], object],
) -> tuple[dict[str, dict[str, Sample]], dict[str, dict[str, dict[str, int]]]]:
    """Time all, in turns; a round before the first compiles and is not counted.

    Returns:
        By column and row: ns an event, and the last pass's orders and fills.
    """
    figures: dict[tuple[str, str], list[float]] = {one: [] for one in passes}
    last: dict[str, dict[str, dict[str, int]]] = {column: {} for column in COLUMNS}
    order = list(passes)
    shuffle = random.Random(seed).shuffle
    for number in range(rounds + 1):
        shuffle(order)
        for one in order:
            answer = passes[one]()
            last[one[0]][one[1]] = answer
            if number:
                figures[one].append(answer["ns"] / events_n)
        tick("backtest")
    columns: dict[str, dict[str, Sample]] = {column: {} for column in COLUMNS}
    for (column, name), values in figures.items():
        columns[column][name] = Sample(median(values), min(values), rounds)
    return columns, last


def loop_goals(columns: dict[str, dict[str, Sample]]) -> list[Goal]:
    """Goals of the loop's table."""
    ten, every = columns[TEN_MS], columns[EVERY]
    return [
        Goal(
            text=f"E requote every 10 ms over {ROI}",
            value=over(ten, ROI, POLYMM),
            floor=2.2,
            aim=2.2,
        ),
        Goal(
            text="E requote every 10 ms, of the bare C loop",
            value=over(ten, POLYMM, BARE),
            floor=1.9,
            aim=1.9,
            at_most=True,
        ),
        Goal(
            text=f"E quote on every event over {ROI}",
            value=over(every, ROI, POLYMM),
            floor=3.8,
            aim=3.8,
        ),
        Goal(
            text=f"E a quoter in Numba on every event over {ROI}",
            value=over(every, ROI, NUMBA),
            floor=2.5,
            aim=2.5,
        ),
    ]


def run(options: argparse.Namespace, effort: Effort, tick: Callable[[str], object]) -> Outcome:
    """Measure everything."""
    python, why = None, "left out"
    if not options.no_peer:
        try:
            python = peer_python()
        except (EnvironmentMissingError, OSError, subprocess.SubprocessError) as error:
            why = str(error).splitlines()[0]
    with tempfile.TemporaryDirectory() as name, quiet_machine() as core:
        folder = Path(name)
        outcome = Outcome(describe_machine(core))
        if python is None:
            outcome.notes.append(f"hftbacktest skipped: {why}")
        measure_loop(outcome, effort, options.seed, python, folder, tick)
        measure_first(outcome, effort, options.seed, python, folder, tick)
    if not options.no_day:
        with tempfile.TemporaryDirectory() as name:
            measure_day(outcome, effort, options.seed, Path(name), tick)
    return outcome


def measure_loop(
    outcome: Outcome,
    effort: Effort,
    seed: int,
    python: str | None,
    folder: Path,
    tick: Callable[[str], object],
) -> None:
    """Table and goals of throughput."""
    rows = make_rows(effort.events, seed=seed)
    with all_passes(rows, python, folder) as passes:
        columns, last = measure(passes, len(rows), rounds=effort.rounds, seed=seed, tick=tick)
    outcome.tables.append(
        Table(
            title=f"E. backtest, ns an event: {effort.events:,} events of one market",
            base=BARE,
            columns=columns,
            note="the bare loop's cancels act at once and its fills differ: speed alone",
        )
    )
    outcome.notes += [
        f"{name}, {column}: {answer['orders']:,} orders, {answer['fills']:,} fills"
        for column, answers in last.items()
        for name, answer in sorted(answers.items())
        if name != LIMIT
    ]
    outcome.goals += loop_goals(columns)


def measure_first(
    outcome: Outcome,
    effort: Effort,
    seed: int,
    python: str | None,
    folder: Path,
    tick: Callable[[str], object],
) -> None:
    """Table and goal of a cold process's first result."""
    rows = make_rows(effort.cold_events, seed=seed)
    tape = folder / "cold.tape"
    write_packed(tape, pack_rows(rows))
    programs = cold.commands(tape, save_events(rows, folder), 10 * MS, python)
    samples = cold.measure_cold(
        programs, rounds=effort.cold_rounds, seed=seed, tick=lambda: tick("cold")
    )
    outcome.tables.append(
        Table(
            title=f"E. first result of a cold process, {effort.cold_events:,} events",
            base=cold.POLYMM,
            columns={"whole process, CPU": samples},
            unit_ns=1_000_000,
        )
    )
    outcome.goals.append(
        Goal(
            text="E first result of a cold process over hftbacktest",
            value=over(samples, cold.PEER, cold.POLYMM),
            floor=10,
            aim=20,
        )
    )


def measure_day(
    outcome: Outcome, effort: Effort, seed: int, folder: Path, tick: Callable[[str], object]
) -> None:
    """Goals of a day of windows and of a worker's memory."""
    day.write_day(folder, windows=effort.windows, events_n=effort.window_events, seed=seed)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 1]
    one, two = [], []
    for _ in range(effort.day_rounds):
        one.append(day.shift(folder, 10 * MS, cores[-1:]))
        if len(cores) > 1:
            two.append(day.shift(folder, 10 * MS, cores[-2:]))
        tick("day")
    cpu_s = median(shift.cpu_ns for shift in one) / 1e9
    found = day.memory(folder / "000.tape", 10 * MS, effort.trials)
    outcome.goals += [
        Goal(
            text=f"E {effort.windows} windows of {effort.window_events:,} events on a core",
            value=cpu_s,
            floor=3.0,
            aim=2.0,
            at_most=True,
            unit="s",
        ),
        Goal(
            text="E the same on two cores, wall time, least of each",
            # Wall time: that two processes stand in each other's way does not show in CPU time.
            value=min(s.wall_ns for s in one) / min(s.wall_ns for s in two) if two else None,
            floor=1.9,
            aim=1.9,
        ),
        Goal(
            text=f"E memory that a worker adds from {effort.trials // 10} to {effort.trials} runs",
            value=(found["late_kb"] - found["early_kb"]) / 1_024,
            floor=1.0,
            aim=1.0,
            at_most=True,
            unit="MiB",
        ),
    ]


def describe_machine(core: int | None) -> dict[str, Any]:
    """Say what the figures were measured on."""
    return {
        "polymm": polymm.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "pinned_to_core": core,
        "versions": {"hftbacktest": VERSION},
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the benches and print them; the exit code is 1 when a check failed."""
    options = parse(arguments)
    effort = SMOKE if options.smoke else FULL
    for name in ("rounds", "events"):
        if (value := getattr(options, name)) is not None:
            effort = Effort(**{n: getattr(effort, n) for n in effort.__slots__} | {name: value})
    outcome = run(options, effort, lambda _: None)
    if options.json:
        told = as_json(outcome.machine, outcome.tables, outcome.goals)
        print(json.dumps(told | {"notes": outcome.notes}, indent=1))
    else:
        machine = outcome.machine
        print(f"Python {machine['python']}, {machine['system']}, {machine['cores']} cores")
        print(*map(table_text, outcome.tables), "\n".join(outcome.notes), sep="\n\n")
        if not options.smoke:  # one round judges nothing
            print(f"\n{goals_text(outcome.goals)}")
    failed = [goal for goal in outcome.goals if goal.gate and not goal.reaches(goal.gate)]
    if options.check and failed:
        print(*(f"missed: {goal.text}" for goal in failed), sep="\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
