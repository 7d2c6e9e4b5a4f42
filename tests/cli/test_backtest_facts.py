"""What a result says of the delays and tapes that it was made with, by what is in them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polymm.research.tape_file import open_tape, write_packed
from polymm.runtime.tape_runs import synthetic_tapes
from tests.support.recorded_runs import heard, market_note, record

Polymm = Callable[..., tuple[int, str, str]]
MS = 1_000_000


def runs(polymm: Polymm, tapes: Path | str, config: str = "", *more: str) -> list[Any]:
    """Runs of a backtest under a configuration of its own."""
    Path("polymm.toml").write_text(config)
    given = ("--queue", "risk_averse", "--json", "--no-report", *more)
    code, out, _ = polymm("backtest", str(tapes), *given)
    assert code == 0
    found: list[Any] = json.loads(out)["runs"]
    return found


def measured(path: Path, **delays_ms: list[int]) -> str:
    """Write measured delays; the configuration that draws from them."""
    with path.open("wb") as file:
        np.savez(file, **{name: np.array(ms) * MS for name, ms in delays_ms.items()})  # type: ignore[arg-type]
    return f'[venue]\ndelays = "{path}"\n'


def constant(ms: int) -> str:
    """A configuration of constant delays."""
    return "[venue]\n" + "".join(f"{n}_latency_ms = {ms}\n" for n in ("order", "cancel", "reply"))


def test_stress_stretches_measured_delays_as_it_does_constant_ones(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    """Measured ones that are all the same are a constant, once and twice as long."""
    same = {name: [400] * 20 for name in ("order", "cancel", "reply")}
    drawn = runs(polymm, made, measured(tmp_path / "d.npz", **same))
    fixed = runs(polymm, made, constant(400))
    assert [run["stress"] for run in drawn] == [1.0, 2.0]
    for key in ("settled", "quoting", "counts"):
        assert [run[key] for run in drawn] == [run[key] for run in fixed]
    assert drawn[0]["quoting"] != drawn[1]["quoting"]


def test_a_report_tells_the_tails_of_what_it_drew_from(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    config = measured(tmp_path / "d.npz", order=[*range(1, 100), 900], cancel=[7] * 20)
    base, stressed = runs(polymm, made, config)
    told = base["facts"]["latency"]
    assert "order 50 / 95 / 99 ms (p50 / p95 / p99 of 100 measured)" in told
    assert "cancel 7 / 7 / 7 ms (p50 / p95 / p99 of 20 measured), reply 50 ms" in told
    assert "order 100 / 190 / 198 ms" in stressed["facts"]["latency"]
    assert "drawn" in base["optimism"]["zero latency"][1]
    assert any("Latencies are drawn one by one" in one for one in base["flattery"])
    assert not any("Latencies are constants" in one for one in base["flattery"])


def test_other_delays_in_the_same_file_are_another_run(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    first = runs(polymm, made, measured(tmp_path / "d.npz", order=[5] * 20))[0]["facts"]
    other = runs(polymm, made, measured(tmp_path / "d.npz", order=[6] * 20))[0]["facts"]
    assert first["configuration"] == other["configuration"]
    assert first["measured delays"] != other["measured delays"]


def test_tapes_are_told_by_what_is_in_them_wherever_they_are(
    polymm: Polymm, made: Path, tmp_path: Path
) -> None:
    def content(tapes: Path, *words: str) -> str:
        found: str = runs(polymm, tapes, "", *words)[0]["facts"]["content of tapes"]
        return found

    moved = tmp_path / "elsewhere"
    shutil.copytree(made, moved)
    first = content(made)
    assert content(moved) == first
    fast = ("run", "--fast", "--windows", "2", "--window-s", "15", "--seed", "1")
    generated = json.loads(polymm(*fast, "--json", "--no-report")[1])["runs"][0]["facts"]
    assert generated["content of tapes"] == first
    tape = open_tape(moved / "1.tape")
    rows = tape.rows.copy()
    rows["size_e6"][-1] += 1
    write_packed(moved / "1.tape", replace(tape, rows=rows, rows_crc=None))
    assert content(moved) != first
    flipped = "down" if tape.outcome == "up" else "up"
    write_packed(moved / "1.tape", replace(tape, outcome=flipped))
    assert content(moved) != first


def test_a_recording_that_lacks_frames_tells_of_them_with_and_without_a_tape(
    polymm: Polymm, tmp_path: Path
) -> None:
    """Hashes are checked on the way whether `tape make` came before or not."""
    (window,) = synthetic_tapes(1, 1, 15)
    frames = list(window.frames)
    lost = next(n for n in range(len(frames) // 2, len(frames)) if b"_change" in frames[n].frame)
    for name, kept in (("whole", frames), ("lacking", frames[:lost] + frames[lost + 20 :])):
        told = [market_note(window.market, frames[0].exch_ns)]
        record(tmp_path / name, [*told, *(heard(one.frame, one.exch_ns + MS) for one in kept)])
        assert polymm("tape", "make", name, "--out", f"{name}-tapes")[0] == 0
    found = {}
    for name in ("whole", "whole-tapes", "lacking", "lacking-tapes"):
        run = runs(polymm, name, "[venue]\nfeed_latency_ms = 40\n", "--stress", "1")[0]
        found[name] = run["quoting"]["defects"], run["facts"]["content of tapes"]
    assert "hashes_failed" not in found["whole"][0]
    assert found["lacking"][0]["hashes_failed"] > 0
    assert found["whole"] == found["whole-tapes"]
    assert found["lacking"] == found["lacking-tapes"]
