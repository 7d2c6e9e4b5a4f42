"""Runs seeds of the simulation from the command line.

``python -m tests.simulation --seeds 0..299 --minutes 3 --jobs 2`` runs many and sums them up;
``--seed 17 --until 4711`` runs one up to a step and says how it stands; ``--permanent NAME`` (or
``all``) lasts one fault through each run. The exit status is 1 where anything failed, where a cell
was visited that the table of cells has not, or where as many ordinary seeds as the tests run, or
more, left one of it unvisited.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from multiprocessing import get_context

from polymm.domain.market import NS
from polymm.exchange.faults import Fault
from tests.engine.order_cells import SCRIPTED
from tests.simulation.cells import RUNS_MIN, SEEDED, VIRTUAL_S_MIN, unexpected, unvisited
from tests.simulation.faults import SWITCHES, AnyFault, ProcessFault, WireFault
from tests.simulation.runs import Run, Tally, commit
from tests.simulation.scenario import Scenario, draw, permanent

PROGRESS_S = 10.0
Job = tuple[int, float, str]


def make_scenario(job: Job) -> Scenario:
    """Draw what a job asks for."""
    seed, minutes, fault = job
    return permanent(seed, named(fault), minutes) if fault else draw(seed, minutes)


def named(name: str) -> AnyFault:
    """Find a switch by its name."""
    for kind in (Fault, WireFault, ProcessFault):
        if name in kind._value2member_map_:
            return kind(name)
    raise SystemExit(f"fault must be one of {', '.join(SWITCHES)}, was {name!r}")


def play(job: Job) -> Tally:
    """Run one job."""
    return Run(make_scenario(job)).play()


def play_jobs(jobs: Sequence[Job], processes: int) -> Iterator[Tally]:
    """Run all jobs, in their order as far as their results go."""
    if processes == 1:
        yield from map(play, jobs)
        return
    with get_context("fork").Pool(processes) as pool:
        yield from pool.imap(play, jobs, chunksize=4)


def read_range(text: str) -> range:
    """Read ``A..B``, both included."""
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=read_range, default=read_range("0..299"))
    parser.add_argument("--seed", type=int, help="run this one only, in this process")
    parser.add_argument("--until", type=int, help="with --seed: stop at this step")
    parser.add_argument("--minutes", type=float, default=3.0, help="virtual, of each run")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--permanent", default="", help="one fault all the time, or all in turn")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return play_one(options.seed, options.minutes, options.permanent, options.until)
    faults = sorted(SWITCHES) if options.permanent == "all" else [options.permanent]
    jobs: list[Job] = [
        (seed, options.minutes, str(fault)) for fault in faults for seed in options.seeds
    ]
    began_s = time.perf_counter()
    total = sum_up(play_jobs(jobs, options.jobs), len(jobs))
    print_tally(total, time.perf_counter() - began_s)
    is_table_met = print_cells(total, is_large=not options.permanent and is_large(total))
    return 0 if is_table_met and not total.failures else 1


def is_large(tally: Tally) -> bool:
    """Whether so much was run that every cell must have been visited."""
    return tally.runs >= RUNS_MIN and tally.virtual_ns >= VIRTUAL_S_MIN * NS


def print_cells(tally: Tally, *, is_large: bool) -> bool:
    """Hold the visited cells against the table; whether they are as they must be."""
    missed, strange = unvisited(tally.cells), unexpected(tally.cells)
    word = "" if is_large else " (too little was run for all)"
    print(
        f"cells visited: {len(SEEDED) - len(missed)} of {len(SEEDED)} in the table{word};"
        f" {len(SCRIPTED)} more are left to scripted runs"
    )
    print(f"cells of the table not visited ({len(missed)}): {', '.join(missed)}")
    print(f"cells visited and not in the table ({len(strange)}): {', '.join(strange)}")
    return not strange and not (is_large and missed)


def play_one(seed: int, minutes: float, fault: str, until: int | None) -> int:
    """Run one seed, up to a step, and say how the world stands then."""
    run = Run(make_scenario((seed, minutes, fault)))
    began_s = time.perf_counter()
    tally = run.play(until)
    print(run.scenario.describe())
    print_tally(tally, time.perf_counter() - began_s)
    for line in run.standing():
        print(line)
    return 1 if tally.failures else 0


def sum_up(tallies: Iterable[Tally], count: int) -> Tally:
    """Add all results up, with a word now and then and each failure as it comes."""
    total, digest = Tally(), blake2b(digest_size=16)
    told_s = time.perf_counter()
    for tally in tallies:
        total.add(tally)
        digest.update(tally.digest.encode())
        for failure in tally.failures:
            print(f"FAILED {failure}\n", flush=True)
        if time.perf_counter() - told_s > PROGRESS_S:
            told_s = time.perf_counter()
            print(f"{total.runs} of {count} runs, {len(total.failures)} failed", flush=True)
    total.digest = digest.hexdigest()
    return total


def print_tally(tally: Tally, took_s: float) -> None:
    """Print what happened in all runs."""
    virtual_s = max(tally.virtual_ns / NS, 1.0)
    rate = tally.steps / max(tally.cpu_ns / NS, 1e-3)
    print(
        f"commit {commit()}: {tally.runs} runs, {len(tally.failures)} failed,"
        f" {virtual_s / 3600:.2f} virtual hours\n"
        f"{tally.steps} steps checked in {took_s:.1f} s: {rate:,.0f} a second of a core,"
        f" {tally.steps / virtual_s:.1f} events a virtual second\n"
        f"{tally.lives} lives of the engine, {tally.crashes} crashes, {tally.posts} orders sent\n"
        f"digest of all journals {tally.digest}"
    )
    silent = sorted(set(map(str, SWITCHES)) - tally.struck.keys())
    for title, counts in (
        ("faults", tally.struck),
        ("steps", tally.steps_by_kind),
        ("ends", tally.ends),
        ("alarms", tally.alarms),
        ("cells", tally.cells),
    ):
        print(f"{title} ({len(counts)}): {_listed(counts)}")
    print(f"faults that never struck ({len(silent)}): {', '.join(silent)}")


def _listed(counts: Counter[str]) -> str:
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {n}" for name, n in pairs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
