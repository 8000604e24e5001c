from collections.abc import Iterator

import pytest

from tests.clients.python.stub import StubService, running_stub


@pytest.fixture
def stub() -> Iterator[StubService]:
    with running_stub() as service:
        yield service
