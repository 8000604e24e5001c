from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.server.store.engine import KeyStore
from tests.store import samples


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """A store on SQLite; what differs between databases is tested in tests/store."""
    opened = samples.open_store(f"sqlite:///{tmp_path}/keys.db", timeout=60)
    opened.upgrade()
    yield opened
    opened.close()
