"""Bytes to decisions and tape to decisions are equal: same quotes, orders, fills, marks and cycles.

On one side the live decoder reads each frame and the maker steps in Python; on the other rows of a
tape file, written, mapped and run by the compiled loop.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from itertools import cycle
from pathlib import Path

import pytest

from polymm.domain.tape import Tape
from polymm.engine.settings import MakerSettings
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.research.backtest import backtest_tape
from polymm.research.recordings import open_tapes
from polymm.research.records import MarketRun
from polymm.research.run_settings import RunSettings
from polymm.research.tape_file import open_tape, write_tape
from polymm.strategy.base import BaseParameters
from tests.oracle.tape_group import run_tape
from tests.support.recorded_runs import heard, market_note, record
from tests.support.recordings import data_dir, recordings
from tests.support.tapes import SHARE

MS = 1_000_000
# Both kinds of cycle: by a timer, and by whatever moves the quote.
SETTINGS = [
    RunSettings(
        parameters=BaseParameters(
            order_size_e6=20 * SHARE, max_position_e6=200 * SHARE, cycle=kind
        ),
        maker=MakerSettings(merge_enabled=True, max_total_position_e6=1_000 * SHARE, cycle=kind),
    )
    for kind in ("timer", "event")
]


def differing(one: MarketRun, other: MarketRun) -> list[str]:
    """Names of what is not equal; a packed tape counts defects that a run does not see."""
    names = [field.name for field in fields(one) if field.name != "defects"]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def check(tapes: Iterable[Tape], folder: Path) -> list[MarketRun]:
    """Run each tape both ways, by timer and by event in turn."""
    runs = []
    for tape, settings in zip(tapes, cycle(SETTINGS), strict=False):
        tape = replace(tape, frames=list(tape.frames))
        write_tape(folder / "a.tape", tape, "none")
        form = "none" if tape.has_trades else "through"
        by_bytes = run_tape(tape, settings, fill_form=form)
        by_tape = backtest_tape(open_tape(folder / "a.tape"), settings, fill_form=form)
        assert differing(by_bytes, by_tape) == [], tape.market.slug
        runs.append(by_tape)
    return runs


def synthetic(seeds: Iterable[int]) -> Iterator[Tape]:
    for seed in seeds:
        yield generate_window(seed, settings=FlowSettings(window_s=20, lookback_s=4))


def test_on_synthetic_windows(tmp_path: Path) -> None:
    runs = check(synthetic(range(1, 4)), tmp_path)
    assert sum(len(run.fills) for run in runs) > 0
    assert all(len(run.quotes) > 10 for run in runs)


def test_on_a_recording_of_our_own(tmp_path: Path) -> None:
    """Frames with receipt times of their own, told by two sockets."""
    (window,) = synthetic([7])
    frames = [(one.exch_ns + (5 + n % 40) * MS, one.frame) for n, one in enumerate(window.frames)]
    told = [heard(frame, ns) for ns, frame in frames]
    told += [heard(frame, ns + 3 * MS, 2) for ns, frame in frames]
    ordered = sorted(told, key=lambda one: one.recv_ns)
    record(tmp_path / "run", [market_note(window.market), *ordered])
    (tape,) = open_tapes(tmp_path / "run")
    assert len(tape.frames) == len(window.frames)
    for settings in SETTINGS:
        write_tape(tmp_path / "a.tape", tape, "none")
        by_bytes = run_tape(tape, settings)
        by_tape = backtest_tape(open_tape(tmp_path / "a.tape"), settings)
        assert differing(by_bytes, by_tape) == []
        assert len(by_tape.fills) > 0


def test_on_the_recorded_capture(tmp_path: Path) -> None:
    check(open_tapes(data_dir() / "ws_market_btc5m"), tmp_path)


def test_on_recorded_sessions(tmp_path: Path) -> None:
    tapes = open_tapes(data_dir() / "sessions_15m")
    check([tape for tape in tapes if len(tape.frames)], tmp_path)


def test_on_a_recorded_market_of_books(tmp_path: Path) -> None:
    (least,) = sorted(
        recordings("book_ws_btc5m/*.book.jsonl.gz"), key=lambda path: path.stat().st_size
    )[:1]
    tapes = open_tapes(least)
    runs = check([*tapes, *tapes], tmp_path)
    assert all(len(run.quotes) > 0 for run in runs)


@pytest.mark.slow
def test_on_all_recorded_markets_of_books_and_snapshots(tmp_path: Path) -> None:
    folder = data_dir()
    tapes = [*open_tapes(folder / "book_ws_btc5m"), *open_tapes(folder / "l2_btc15m")]
    assert len(check([*tapes, *reversed(tapes)], tmp_path)) >= 90
