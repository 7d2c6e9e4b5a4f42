"""Begins the two minutes of load when the tests begin, so that they pass beside all others.

The child is begun by whoever collects `test_load` first; that test is put last, and waits for the
child's verdict, whichever worker it runs in.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAST = "test_two_minutes_of_load"
COMMAND = (
    *(sys.executable, "-m", "benches.path.load", "--lenient"),
    *("--seconds", "110", "--burst-seconds", "3"),
)
VERDICT = pytest.StashKey[Path]()
CHILD = pytest.StashKey["subprocess.Popen[bytes]"]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the test that waits behind all others."""
    items.sort(key=lambda item: item.name == LAST)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the child, once a run of all workers."""
    config = session.config
    is_wanted = any(item.name == LAST for item in session.items)
    if not is_wanted or config.option.collectonly:
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"alone-{os.getpid()}")
    verdict = Path(tempfile.gettempdir()) / f"polymm-load-{run}.txt"
    config.stash[VERDICT] = verdict
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        with verdict.open("wb") as out:
            config.stash[CHILD] = subprocess.Popen(
                COMMAND, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End the child with a run that was broken off; else it ends by itself, perhaps after us."""
    child = session.config.stash.get(CHILD, None)
    if child is not None and exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        child.terminate()
        child.wait()


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> Path:
    """Where the child's words stand."""
    return request.config.stash[VERDICT]
