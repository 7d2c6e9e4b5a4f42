"""What holds for every test: warnings are errors (pyproject.toml), random input is repeatable."""

import pytest
from hypothesis import settings

from polymm.errors import ConfigError
from polymm.runtime.built import engine_form

# A failure must come back on the next run and on another machine, and a slow machine is no failure.
settings.register_profile("polymm", derandomize=True, deadline=None, database=None)
settings.load_profile("polymm")


def pytest_sessionstart() -> None:
    """Test nothing where the engine that would run is not the one that is read."""
    try:
        engine_form()
    except ConfigError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
