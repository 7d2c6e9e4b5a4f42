"""The command line as a function: an empty folder, exit code, stdout, stderr."""

from collections.abc import Callable
from pathlib import Path

import pytest

from polymm.cli import main

Answer = tuple[int, str, str]


@pytest.fixture
def polymm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Run the command line in an empty folder; answer exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Answer:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        captured = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, captured.out, captured.err

    return run
