"""One build for all tests of the folder."""

from pathlib import Path

import pytest

from tests.clients.web.building import build_copy


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_copy(tmp_path_factory.mktemp("web") / "package")
