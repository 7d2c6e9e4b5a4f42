"""Two minutes of 5,000 messages a second and a burst of 50,000, beside all other tests.

Lag is no fault here, since the tests take all cores: `python -m benches.path.load` asks for it.
"""

import time
from pathlib import Path

import pytest

WAIT_S = 200
LAST_WORDS = "market messages and"


@pytest.mark.waits
def test_two_minutes_of_load(verdict: Path) -> None:
    # Another process, begun with the tests, writes its verdict when it is done: mostly long ago.
    until_s = time.monotonic() + WAIT_S
    while LAST_WORDS not in verdict.read_text() and time.monotonic() < until_s:
        if "Traceback" in verdict.read_text():
            break
        time.sleep(0.05)
    told = verdict.read_text()
    verdict.unlink()
    print(told)
    assert LAST_WORDS in told, told
    assert "FAULT" not in told
