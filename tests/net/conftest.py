import pytest

from tests.support.loopback import LOOPS, Stage


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Stage:
    """Run a scene on each kind of loop."""
    return Stage(request.param)
