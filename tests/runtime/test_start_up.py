"""What a start loads before everything is cancelled: each library costs time that orders rest."""

import subprocess
import sys

import pytest

# The command, its configuration, the run, and what stands when the engine starts.
START = """
import sys
import polymm.cli.app, polymm.runtime.config_source, polymm.runtime.runner
from polymm.runtime.stage_names import new_stages
new_stages()
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", START], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", ["numpy", "numba", "aiohttp", "rich", "plotly", "ctypes"])
def test_no_library_is_loaded_that_only_reports_and_exchanges_need(
    loaded: set[str], name: str
) -> None:
    assert name not in loaded


@pytest.mark.parametrize(
    "name",
    [
        "polymm.exchange",
        "polymm.research.tape_run",
        "polymm.runtime.live_report",
        "polymm.venues.polymarket.settling",
    ],
)
def test_no_part_is_loaded_that_only_the_end_needs(loaded: set[str], name: str) -> None:
    assert "polymm.runtime.runner" in loaded
    assert name not in loaded
