"""A sweep says what is wrong with its windows, and leaves out those with gaps if told to."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benches.sweep_scenes import SPACE, START_S, WINDOW_S, make_tape
from polymm.domain.market import NS
from polymm.domain.tape import TapeFrame
from polymm.errors import ConfigError
from polymm.research.sweep import run_sweep
from polymm.research.sweep_page import sweep_page
from polymm.research.sweep_report import sweep_lines, sweep_record
from polymm.research.tape_file import write_packed
from polymm.research.tape_pack import pack
from tests.support.sweep_scene import HerePool, plan, text_of

WINDOWS_N = 24


def stamped(frame: bytes, at_ns: int) -> bytes:
    """A frame as it would be told at another time."""
    return json.dumps(json.loads(frame) | {"timestamp": str(at_ns // 10**6)}).encode()


def folder_of(path: Path, cut: range) -> Path:
    """Windows without a gap, but those with 20 s cut out of them, which have doubles, too."""
    path.mkdir()
    for number in range(WINDOWS_N):
        scene = make_tape(number, "edge")
        (first, *_), start_ns = scene.frames, scene.market.start_ns
        often = [
            TapeFrame(start_ns + s * NS, 0, stamped(first.frame, start_ns + s * NS))
            for s in range(0, WINDOW_S, 4)
        ]
        frames = sorted([*scene.frames, *often], key=lambda one: one.exch_ns)
        if number in cut:
            left_ns = range(start_ns + 10 * NS, start_ns + 30 * NS)
            frames = [frame for frame in frames if frame.exch_ns not in left_ns]
        tape = pack(replace(scene, frames=frames))
        defects = {"duplicate_frames": 3} if number in cut else {}
        write_packed(path / f"{number:03d}.tape", replace(tape, defects=defects))
    return path


def test_gaps_and_defects_are_told_in_text_json_and_page(tmp_path: Path) -> None:
    made = plan(folder_of(tmp_path / "cut", range(0, 24, 2)), trials=2)
    result = run_sweep(made, tmp_path / "a.db", HerePool())
    assert result is not None
    record = sweep_record(made, result)
    assert record["windows"]["defects"] == {
        "duplicate_frames": {"windows": 12, "total": 36},
        "gaps_over_10_s": {"windows": 12, "total": 12},
    }
    text = "of 24 windows: duplicate_frames in 12 (36), gaps_over_10_s in 12 (12)"
    assert ("defects", text) in sweep_lines(record)
    assert text in sweep_page(made, result, record)


def test_windows_without_any_say_nothing(tmp_path: Path) -> None:
    made = plan(folder_of(tmp_path / "whole", range(0)), trials=2)
    result = run_sweep(made, tmp_path / "a.db", HerePool())
    assert json.loads(text_of(made, result))["windows"]["defects"] == {}
    assert result is not None
    assert "defects" not in dict(sweep_lines(sweep_record(made, result)))


def test_windows_with_gaps_are_excluded_and_counted_where_asked(tmp_path: Path) -> None:
    tapes = folder_of(tmp_path / "cut", range(0, 24, 2))
    space = SPACE.replace("[space]", 'gaps = "exclude"\n[space]')
    made = plan(tapes, space, trials=2)
    told = json.loads(text_of(made, run_sweep(made, tmp_path / "a.db", HerePool())))["windows"]
    assert told["excluded"] == {"gaps_over_10_s": 12}
    assert told["defects"] == {}
    assert told["research"] + told["holdout"] + told["embargo"] == 12
    starts = {one.start_ns for one in made.tapes.tapes if not one.excluded}
    assert starts == {(START_S + k * WINDOW_S) * NS for k in range(1, 24, 2)}
    # It changes the result: a store of windows that were run with their gaps does not go on.
    with pytest.raises(ConfigError, match=r'sweep\.gaps was "exclude", is "count"'):
        run_sweep(plan(tapes, trials=2), tmp_path / "a.db", HerePool())
