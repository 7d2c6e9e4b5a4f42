"""``polymm bench`` finds the benches or says why it cannot."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polymm.cli import bench
from polymm.cli.app import app


def test_the_flags_reach_the_benches(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda command: calls.append(command) or 1)
    result = CliRunner().invoke(app, ["bench", "--json", "--check", "--rounds", "5", "--seed", "3"])
    assert result.exit_code == 1
    (command,) = calls
    assert command[:2] == [sys.executable, "-P"]
    assert Path(command[2]).is_file()
    assert command[3:] == ["--seed=3", "--json", "--check", "--rounds=5"]


def test_without_a_clone_it_says_where_the_benches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "find_benches", lambda: None)
    result = CliRunner().invoke(app, ["bench"])
    assert result.exit_code == 1
    assert "clone" in result.output


def test_benches_are_not_taken_from_any_folder_of_that_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "benches").mkdir()
    (tmp_path / "benches" / "__main__.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    found = bench.find_benches()
    assert found is None or found.parent != tmp_path
