from collections.abc import Iterator

import pytest

from tests.clients.python.asking import Ask, ask_on_a_loop, ask_synchronously
from tests.clients.python.stub import StubService, running_stub


@pytest.fixture
def stub() -> Iterator[StubService]:
    with running_stub() as service:
        yield service


@pytest.fixture(params=[ask_synchronously, ask_on_a_loop], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen
