"""The list of verbs is told without loading any; what a full disk does to what a verb prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import polymm as package
from polymm.cli.app import VERBS, load
from polymm.cli.logs import note


@pytest.mark.parametrize("name", VERBS)
def test_the_list_says_of_a_verb_what_it_says_of_itself(name: str) -> None:
    said = str(load(name).help).partition("\n\n")[0]
    assert " ".join(said.split()) == VERBS[name][1]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_on_a_full_disk_is_one_line_and_1(unbuffered: str) -> None:
    path = str(Path(package.__file__).parents[1])
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "polymm", "version"],
            env=os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.stderr == "polymm: cannot be written: No space left on device\n"
    assert ended.returncode == 1


def test_a_signal_that_comes_amid_a_line_is_noted_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Busy:
        def write(self, text: str) -> int:
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    monkeypatch.setattr(sys, "stderr", Busy())
    note("ending in order")
    assert capfd.readouterr().err == "polymm: ending in order\n"
