"""The bench of the journal runs, and prints a row for each way to be safe."""

import pytest

from benches.path.journal import main


def test_every_way_to_be_safe_has_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--count", "40"])
    rows = [line[:36].strip() for line in capsys.readouterr().out.splitlines()]
    assert [row for row in rows if row.startswith("plan")] == [
        "plan, encoding alone",
        "plan, process",
        "plan, disk",
    ]
