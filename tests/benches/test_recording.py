"""The bench of recording runs; its figures are not judged here."""

import pytest

from benches.path import recording


def test_every_row_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    recording.main(["--rounds", "2"])
    out = capsys.readouterr().out
    for text in ("price_change, ", "book, ", "the thread, beside the path"):
        assert text in out
