"""Runs the planted defects of `tests.simulation.defect_list`.

    python -m tests.simulation.defects [--only NAME ...] [--seeds 200] [--jobs 2]

Each is put into a copy of the package and run, seed after seed, until the checker fires: it must be
that invariant, not another and not a crash. Then the undamaged package runs the same seeds. They
are ordinary ones; those with a trait that may bring the defect out come first.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from polymm.errors import InputError
from tests.simulation.defect_list import DEFECTS, Defect
from tests.simulation.planting import Outcome, run, run_here


def main(words: list[str] | None = None) -> int:
    """Run all defects, or those that are named; 0 if each was caught as it must be."""
    parser = argparse.ArgumentParser(prog="tests.simulation.defects")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--damaged-only", action="store_true", help="not the undamaged package")
    options = parser.parse_args(words)
    chosen = [
        defect
        for defect in DEFECTS
        if not options.only or any(part in defect.name for part in options.only)
    ]

    def try_one(defect: Defect | None) -> Outcome:
        try:
            return run(defect, options.seeds, minutes=options.minutes, wait_s=1_800.0)
        except InputError as error:
            return Outcome((), "no such text", str(error))

    missed, seeds = 0, set()
    with ThreadPoolExecutor(options.jobs) as pool:
        tries = {pool.submit(try_one, defect): defect for defect in chosen}
        for done in as_completed(tries):
            defect, outcome = tries[done], done.result()
            is_caught = outcome.invariant == defect.invariant
            missed += not is_caught
            seeds.update(outcome.seeds)
            word = "caught" if is_caught else "MISSED"
            found = f"{outcome.invariant or 'nothing'} in {len(outcome.seeds)} seeds"
            print(f"{word} {defect.invariant:4} {defect.name}: {found} {outcome.text}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    if not options.damaged_only:
        sound = run_here(sorted(seeds), options.minutes)
        print(f"undamaged, {len(seeds)} seeds: {sound.invariant or 'no violation'} {sound.text}")
        missed += bool(sound.invariant)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
