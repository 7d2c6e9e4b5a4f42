"""The whole exchange as a fixture, audited when a test is done."""

from collections.abc import Iterator

import pytest

from tests.support.exchange_scene import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.exchange.audit()
