from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.server.replay.memories import Memory
from tests.replay.worlds import MEMORIES, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(MEMORIES))
def memory(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Memory]:
    """An empty memory, of every kind."""
    with MEMORIES[request.param](tmp_path, clock) as made:
        made.tend(clock.now)
        yield made
