"""The command line as a function: an empty folder, exit code, stdout, stderr."""

from collections.abc import Callable
from pathlib import Path

import pytest

from polymm.cli import main
from polymm.research.tape_file import write_packed
from polymm.research.tape_pack import pack
from polymm.runtime.tape_runs import synthetic_tapes

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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short synthetic windows as packed tapes."""
    folder = tmp_path_factory.mktemp("tapes")
    for n, tape in enumerate(synthetic_tapes(1, 2, 15)):
        write_packed(folder / f"{n}.tape", pack(tape))
    return folder
