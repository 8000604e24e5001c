from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.server.store.engine import KeyStore
from tests.store import samples
from tests.store.engines import ENGINES
from tests.store.rig import Rig


@pytest.fixture(params=sorted(ENGINES))
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of every kind that is supported."""
    return ENGINES[request.param](tmp_path)


@pytest.fixture
def store(store_url: str) -> Iterator[KeyStore]:
    """A store with its schema in place."""
    opened = samples.open_store(store_url, timeout=60)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture
def rig(store: KeyStore) -> Iterator[Rig]:
    """An issuer on that store."""
    built = Rig(store)
    yield built
    built.flight.close()
