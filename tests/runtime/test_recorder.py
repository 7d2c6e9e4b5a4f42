"""Recording a run: taps before sockets, notes, the thread, kill -9."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.errors import ConfigError
from polymm.research.recording_format import SUFFIX
from polymm.research.run_recording import open_run
from polymm.runtime.recorder import Channel, Recorder
from tests.support.recorded_runs import T0, paths
from tests.support.tapes import market

# Lines of the child that was killed: its clock when a frame was put. One more is put each 10 ms.
CHILD = """
import sys, time
from pathlib import Path
from polymm.runtime.recorder import Channel, Recorder
recorder = Recorder(Path(sys.argv[1]), time.monotonic_ns, {})
recorder.open()
tap = recorder.tap(Channel.MARKET).begin(lambda frame, ns: None)
while True:
    ns = time.monotonic_ns()
    tap.take(b"%d" % ns, ns)
    sys.stdout.write(f"{ns}\\n")
    sys.stdout.flush()
    time.sleep(0.005)
"""


class Ticks:
    """A clock that counts its readings."""

    def __init__(self) -> None:
        self.ns = T0

    def __call__(self) -> int:
        self.ns += 1
        return self.ns


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "run", Ticks(), {"run": "a", "version": "0"})


def test_what_sockets_deliver_is_recorded_and_handed_on(recorder: Recorder) -> None:
    recorder.open()
    heard: list[bytes] = []
    sockets = [
        recorder.tap(channel).begin(lambda frame, ns: heard.append(frame))
        for channel in (Channel.MARKET, Channel.MARKET, Channel.USER)
    ]
    sockets[0].opened("ws://a")
    for socket in sockets:
        socket.take(b"frame", T0)
    sockets[0].ended("closed_1006")
    assert recorder.close() == ""
    assert heard == [b"frame"] * 3
    run = open_run(recorder.folder)
    found = [(frame.channel, frame.socket) for frame in run.frames() if frame.payload == b"frame"]
    assert found == [(Channel.MARKET, 1), (Channel.MARKET, 2), (Channel.USER, 3)]
    notes = [(note["note"], note.get("socket")) for note in run.notes()]
    assert notes == [("run", None), ("socket", 1), ("socket_end", 1), ("end", None)]


def test_each_window_begins_a_file_that_says_what_the_run_knows(recorder: Recorder) -> None:
    recorder.open()
    first = market()
    later = {"start_ns": first.end_ns, "end_ns": first.end_ns + 300 * NS}
    second = market(slug="btc-updown-5m-1776323700", condition_id="0xc2", **later)
    socket = recorder.tap(Channel.MARKET).begin(lambda frame, ns: None)
    recorder.look(first.start_ns)
    recorder.add_market(first)
    socket.opened("ws://a")
    recorder.add_market(second)
    recorder.look(second.start_ns)
    recorder.look(second.start_ns)  # told by another coin
    recorder.remove_market(first, Token.UP)
    recorder.look(second.end_ns)
    recorder.close()
    files = [open_run(path) for path in paths(recorder.folder)]
    assert [[note["note"] for note in file.notes()] for file in files] == [
        ["run", "market", "socket", "market"],
        ["run", "market", "market", "socket", "outcome"],
        ["run", "market", "socket", "end"],
    ]
    assert files[2].markets() == {second.condition_id: second}
    outcome = next(note for note in files[1].notes() if note["note"] == "outcome")
    assert (outcome["market"], outcome["winner"]) == (first.condition_id, "up")


def test_what_waits_is_written_within_a_second_while_nothing_more_comes(
    recorder: Recorder,
) -> None:
    recorder.open()
    recorder.note("alone")
    until_s = time.monotonic() + 5
    while not recorder.writer.frames and time.monotonic() < until_s:
        time.sleep(0.002)
    assert recorder.writer.frames == 2
    assert {note["note"] for note in open_run(recorder.folder).notes()} == {"run", "alone"}
    recorder.close()


def test_losses_are_told_once_and_when_they_are_over(recorder: Recorder) -> None:
    assert recorder.look() == ""
    recorder.writer.failure, recorder.writer.lost_frames = "No space left on device", 5
    assert recorder.look() == "recorder: frames are being lost: No space left on device"
    recorder.writer.lost_frames = 9
    assert recorder.look() == ""
    recorder.writer.failure = ""
    assert recorder.look() == "recorder: writes again; 9 frames were lost so far"
    assert recorder.look() == ""
    assert "9 frames lost" in recorder.facts()["recording"]


def test_a_writer_that_does_not_keep_up_is_told(recorder: Recorder) -> None:
    """Nobody writes: the blocks fill up, and what is put does not wait."""
    for _ in range(40):
        recorder.journal(bytes(1 << 20))
    assert recorder.lost_frames == 8
    assert recorder.look() == "recorder: frames are being lost: the writer does not keep up"


def test_a_folder_that_holds_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"0001-1{SUFFIX}").touch()
    with pytest.raises(ConfigError, match="must be a new folder, holds files"):
        Recorder(tmp_path, Ticks(), {})
    with pytest.raises(ConfigError, match="cannot be made"):
        Recorder(tmp_path / f"0001-1{SUFFIX}" / "run", Ticks(), {})


def test_kill_9_loses_a_second_at_most(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    put = []
    for line in child.stdout:
        put.append(int(line))
        if put[-1] - put[0] > 1_300_000_000:
            os.kill(child.pid, signal.SIGKILL)
            break
    put += [int(line) for line in child.stdout if line.endswith("\n")]
    child.wait()
    child.stdout.close()
    run = open_run(tmp_path / "run")
    found = [frame.recv_ns for frame in run.frames(Channel.MARKET)]
    assert found == put[: len(found)]
    assert put[-1] - found[-1] < 1_000_000_000
    assert not run.is_closed
