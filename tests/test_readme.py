"""The README keeps its word: its program runs and prints what it says, its commands are these."""

import re
from pathlib import Path

import pytest

from polymm._core.layout import REQUOTE

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_program_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(program, "README.md", "exec"), names)
    said = [line[2:] for line in program.splitlines() if line.startswith("# ")]
    assert capsys.readouterr().out.splitlines() == said
    assert isinstance(names["flags"], int)
    assert names["flags"] & REQUOTE


def test_first_minute_is_two_commands() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert commands[:2] == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/polymm run",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest",
    ]


def test_every_file_it_names_is_there() -> None:
    for name in re.findall(r"`((?:\w+/)+[\w.]+|\.ci/run)`", README):
        assert (ROOT / name).exists(), name
