"""Run all tables in one process and gather them for the report."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polymm
from benches import orders, startup
from benches.agreement import check_books, check_quotes
from benches.goals import (
    Goal,
    book_goals,
    fused_goals,
    order_goals,
    quote_goals,
    startup_goals,
)
from benches.peers import quote_roster, roster
from benches.peers.books import BookContender
from benches.peers.ours import Polymm
from benches.peers.quotes import quote_cases
from benches.report import Table
from benches.timing import Contender, Sample, Skipped, measure, quiet_machine
from benches.workload import (
    LARGER_SIZES,
    Workload,
    recorded,
    recordings_folder,
    synthetic,
)

PACKAGES = (
    "orjson", "msgspec", "pysimdjson", "sortedcontainers", "numpy", "numba", "typer",
    "coincurve", "py-clob-client-v2", "eth-account", "eth-keys",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much to measure: rounds of the tables, rounds of fresh processes, messages."""

    rounds: int
    startup_rounds: int
    price_changes: int
    books: int
    slice_ns: int


FULL = Effort(rounds=21, startup_rounds=15, price_changes=512, books=64, slice_ns=2_000_000)
SMOKE = Effort(rounds=3, startup_rounds=2, price_changes=64, books=8, slice_ns=200_000)


@dataclass(slots=True)
class Outcome:
    """Everything one run measured."""

    machine: dict[str, Any]
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)


def describe_machine(core: int | None) -> dict[str, Any]:
    """Say what the figures were measured on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "polymm": polymm.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "pinned_to_core": core,
        "versions": versions,
    }


def run(
    effort: Effort, *, seed: int = 1, tick: Callable[[str], object] = lambda _: None
) -> Outcome:
    """Check that all contenders agree, then time them.

    Args:
        tick: Called after each round with the table's name, for a progress display.

    Raises:
        DisagreementError: Two contenders gave different answers; nothing was timed.
    """
    workloads = [
        synthetic(seed=seed, price_changes=effort.price_changes, books=effort.books),
        synthetic(LARGER_SIZES, seed=seed, price_changes=effort.price_changes, books=effort.books),
    ]
    folder = recordings_folder()
    if folder is not None:
        workloads.append(recorded(folder, price_changes=effort.price_changes, books=effort.books))
    with quiet_machine() as core:
        outcome = Outcome(describe_machine(core))
        figures: dict[str, dict[str, Sample]] = {}
        for workload in workloads:
            check_books(workload, _everyone(workload))
            columns, skipped = _book_columns(workload, effort, seed, tick)
            if not figures:
                figures = columns
            outcome.tables.append(_book_table(workload, columns, skipped))
        quotes = _quote_table(workloads[0], effort, seed, tick)
        fused = _fused_table(workloads[0], effort, seed, tick)
        signing = orders.order_tables(effort, seed=seed, tick=lambda: tick("signing"))
        started = startup.measure_startup(
            rounds=effort.startup_rounds, seed=seed, tick=lambda: tick("start-up")
        )
    outcome.tables += [quotes, fused, *signing, _startup_table(started)]
    outcome.goals = [
        *book_goals(figures["price_change"], figures["book"]),
        *quote_goals(quotes.columns["call"]),
        *fused_goals(
            fused.columns["price_change"], figures["price_change"], quotes.columns["call"]
        ),
        *order_goals(orders.figures(signing)),
        *startup_goals(started),
    ]
    return outcome


def _everyone(workload: Workload) -> dict[str, BookContender]:
    contenders: dict[str, BookContender] = {roster.POLYMM: Polymm(workload)}
    for name, make in {**roster.BOOK_PEERS, **roster.KEPT_PEERS}.items():
        try:
            contenders[name] = make(workload)
        except ModuleNotFoundError:
            continue  # The table names it as skipped.
    return contenders


def _ready(rows: list[Contender | Skipped]) -> tuple[list[Contender], list[Skipped]]:
    return (
        [row for row in rows if isinstance(row, Contender)],
        [row for row in rows if isinstance(row, Skipped)],
    )


def _book_columns(
    workload: Workload, effort: Effort, seed: int, tick: Callable[[str], object]
) -> tuple[dict[str, dict[str, Sample]], list[Skipped]]:
    columns = {}
    skipped: list[Skipped] = []
    for kind, frames in (("book", workload.books), ("price_change", workload.price_changes)):
        contenders, skipped = _ready(roster.book_rows(workload, frames))
        columns[kind] = measure(
            contenders,
            rounds=effort.rounds,
            seed=seed,
            slice_ns=effort.slice_ns,
            tick=lambda: tick(workload.name),
        )
    return columns, skipped


def _book_table(
    workload: Workload, columns: dict[str, dict[str, Sample]], skipped: list[Skipped]
) -> Table:
    def mean_bytes(frames: tuple[bytes, ...]) -> float:
        return sum(map(len, frames)) / len(frames)

    counters = Polymm(workload)
    for frame in (*workload.start, *workload.price_changes, *workload.books):
        counters.feed(frame)
    counted = ", ".join(f"{name} {n}" for name, n in counters.decoder.counters().items() if n)
    return Table(
        title=(
            f"A. parse + apply, {workload.name}: {len(workload.books)} books of "
            f"{mean_bytes(workload.books):.0f} B, {len(workload.price_changes)} price_changes of "
            f"{mean_bytes(workload.price_changes):.0f} B"
        ),
        base=roster.POLYMM,
        columns=columns,
        skipped=skipped,
        note=f"polymm's decoder counted, one pass over all frames: {counted}",
    )


def _quote_table(
    workload: Workload, effort: Effort, seed: int, tick: Callable[[str], object]
) -> Table:
    rows = quote_roster.quote_contenders(quote_cases(workload))
    ready = [row for row in rows if isinstance(row, quote_roster.QuoteContender)]
    check_quotes({row.name: row.answers() for row in ready})
    samples = measure(
        [*(row.timed() for row in ready), quote_roster.null_call()],
        rounds=effort.rounds,
        seed=seed,
        slice_ns=effort.slice_ns,
        tick=lambda: tick("analysis + quote"),
    )
    return Table(
        title="B. analysis + quote, one call from Python",
        base=quote_roster.POLYMM,
        columns={"call": samples},
        skipped=[row for row in rows if isinstance(row, Skipped)],
    )


def _fused_table(
    workload: Workload, effort: Effort, seed: int, tick: Callable[[str], object]
) -> Table:
    contenders, skipped = _ready(roster.fused_rows(workload))
    samples = measure(
        contenders,
        rounds=effort.rounds,
        seed=seed,
        slice_ns=effort.slice_ns,
        tick=lambda: tick("fused"),
    )
    return Table(
        title="A + B in one call: bytes -> must we requote?",
        base=roster.POLYMM,
        columns={"price_change": samples},
        skipped=skipped,
    )


def _startup_table(samples: dict[str, Sample]) -> Table:
    return Table(
        title="F. start-up, fresh processes",
        base=startup.BARE,
        columns={"whole process": samples},
        unit_ns=1_000_000,
    )
