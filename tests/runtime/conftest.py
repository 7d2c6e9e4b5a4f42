import pytest

from tests.support.loopback import LOOPS, Stage


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Stage:
    """Run a scene on each kind of loop."""
    return Stage(request.param)


@pytest.fixture
def stage() -> Stage:
    """Run a scene on one loop, where the loop makes no difference."""
    return Stage("uvloop")
