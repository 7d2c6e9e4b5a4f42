"""Command line of the benches: ``python -m benches`` in a clone, ``polymm bench`` anywhere."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# An installed polymm wins over the uncompiled source tree this file stands in.
_ROOT = str(Path(__file__).resolve().parents[1])
sys.path[:] = [path for path in sys.path if path not in ("", _ROOT)] + [_ROOT]

from benches.agreement import DisagreementError  # noqa: E402
from benches.orders import PIECES  # noqa: E402
from benches.report import as_json, goals_text, table_text  # noqa: E402
from benches.runner import FULL, SMOKE, Effort, run  # noqa: E402


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="benches", description="Measure polymm beside what a user would pick instead."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, times in ns")
    parser.add_argument("--smoke", action="store_true", help="few rounds and messages, for CI")
    parser.add_argument(
        "--check", action="store_true", help="exit 1 when a goal misses 0.8 of its floor"
    )
    parser.add_argument("--rounds", type=int, help=f"rounds a table, {FULL.rounds} as it ships")
    parser.add_argument("--seed", type=int, default=1, help="of messages and order of contenders")
    return parser.parse_args(arguments)


@contextmanager
def progress(effort: Effort) -> Iterator[Callable[[str], object]]:
    """Show a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(
            "checking", total=(8 + PIECES) * effort.rounds + effort.startup_rounds + 1
        )
        yield lambda table: bar.update(task, advance=1, description=table)


def main(arguments: list[str] | None = None) -> int:
    """Run the benches and print them; the exit code is 1 when a check failed."""
    options = parse(arguments)
    effort = SMOKE if options.smoke else FULL
    if options.rounds is not None:
        effort = Effort(
            rounds=options.rounds,
            startup_rounds=effort.startup_rounds,
            price_changes=effort.price_changes,
            books=effort.books,
            slice_ns=effort.slice_ns,
        )
    try:
        with progress(effort) as tick:
            outcome = run(effort, seed=options.seed, tick=tick)
    except DisagreementError as error:
        print(f"contenders disagree, nothing was timed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(as_json(outcome.machine, outcome.tables, outcome.goals), indent=1))
    else:
        machine = outcome.machine
        print(f"Python {machine['python']}, {machine['system']}, {machine['cores']} cores")
        print(*map(table_text, outcome.tables), goals_text(outcome.goals), sep="\n\n")
    # A goal that was not measured has not been reached.
    failed = [goal for goal in outcome.goals if goal.gate and not goal.reaches(goal.gate)]
    if options.check and failed:
        print(*(f"missed: {goal.text}" for goal in failed), sep="\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
