import pytest

from polymm.net.websocket import ENGINES
from tests.support.loopback import LOOPS, Stage


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Stage:
    """Run a scene on each kind of loop."""
    return Stage(request.param)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Run a scene with each engine of a websocket."""
    if request.param == "picows":
        pytest.importorskip("picows", reason="the extra fast is not installed")
    return str(request.param)
