"""What writing an order down costs: ``python -m benches.path.journal``.

A plan stands between the signature and the order's first byte, so that its cost is that of every
order. More than 4 µs with the kernel would mean that something is written down twice, or that the
record has grown; with the disk the figure is the disk's own.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from time import perf_counter_ns
from typing import Final, Literal

import uvloop

from benches.timing import quiet_machine
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.looks import LookKind
from polymm.engine.records import RunBegun
from polymm.runtime.journal import Journal
from polymm.runtime.journal_codec import encode_input, encode_plan
from polymm.runtime.journal_files import JournalSettings, SegmentFiles, open_journal

MARKET: Final = "0x" + "c0" * 32
PLACE: Final = Place(7, "btc-updown-5m-1776323400", Token.UP, Side.BUY, 5_100, 5_000_000)
NOW_NS: Final = 1_776_323_400_000_000_000
CHANGED: Final = ev.BookChanged(MARKET, 3)
LOOKS: Final = (
    (1, int(LookKind.EVALUATED), 3, 4_900, 10_000_000, 5_100, 0, 10_000_000, 0, 0),
    (1, int(LookKind.BOOK), 4_900, 5_100, 1, 100, 0, 0, NOW_NS, NOW_NS, NOW_NS),
)
# The loop turns once in so many calls, as it does between orders.
CALLS_A_TURN: Final = 10


def row(name: str, samples: list[int]) -> str:
    """Percentiles of one way to write, in µs."""
    parts = quantiles(samples, n=100)
    mean = sum(samples) / len(samples)
    return f"{name:36} {parts[49] / 1e3:9.2f} {parts[98] / 1e3:9.2f} {mean / 1e3:9.2f}"


async def timed(call: Callable[[int], object], count: int) -> list[int]:
    """Nanoseconds of each call."""
    samples = []
    for i in range(count):
        began_ns = perf_counter_ns()
        call(i)
        samples.append(perf_counter_ns() - began_ns)
        if i % CALLS_A_TURN == 0:
            await asyncio.sleep(0)
    return samples


def syncs_text(journal: Journal) -> str:
    """What the thread had to do."""
    files = journal.disk
    assert isinstance(files, SegmentFiles)
    assert files.syncer is not None
    slowest_ms = files.syncer.work_ns_max / 1e6
    return f"  {files.syncer.n_done} syncs off the loop, the slowest {slowest_ms:.1f} ms"


async def measure(sync: Literal["process", "disk"], directory: Path, count: int) -> None:
    """Print the rows of one way to be safe."""
    settings = JournalSettings(sync=sync)
    journal = open_journal(directory, sync, settings, loop=asyncio.get_running_loop())
    journal.begin(RunBegun("bench", "", sync, NOW_NS))
    orders = [f"0x{i:064x}" for i in range(count)]
    plans = await timed(lambda i: journal.plan(NOW_NS, MARKET, PLACE, orders[i]), count)
    print(row(f"plan, {sync}", plans))
    if sync == "process":
        steps = await timed(lambda _: journal.note(NOW_NS, CHANGED, ()), count)
        print(row("a step that looked, after the bytes", steps))
    print(syncs_text(journal))
    journal.close()


async def measure_all(directory: Path, count: int) -> None:
    """Print everything."""
    print(f"{'µs':36} {'p50':>9} {'p99':>9} {'mean':>9}")
    order = f"0x{7:064x}"
    samples = await timed(lambda _: encode_plan(order, MARKET, PLACE, NOW_NS), count)
    print(row("plan, encoding alone", samples))
    samples = await timed(lambda _: encode_input(NOW_NS, CHANGED, LOOKS), count)
    print(row("a step that looked, encoding alone", samples))
    await measure("process", directory, count)
    await measure("disk", directory, max(count // 20, 20))


def main(arguments: list[str] | None = None) -> None:
    """Measure in a directory that goes afterwards."""
    parser = argparse.ArgumentParser(prog="benches.path.journal", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="records a row")
    parser.add_argument("--dir", type=Path, help="a directory on the disk to be measured")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.dir) as directory, quiet_machine():
        uvloop.run(measure_all(Path(directory), given.count))


if __name__ == "__main__":
    main()
