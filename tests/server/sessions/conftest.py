"""An issuer of ID tokens, another, and what verifies them, for a module of tests; and a server with people for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.server.settings.oidc import ALGORITHMS
from counterseal.server.store.engine import KeyStore, open_store
from tests.server.sessions.oidc_provider import Provider, jwk_of, key_for, private, provider
from tests.server.sessions.oidc_world import World
from tests.server.sessions.people import People, cheap_hasher, serving_people


@pytest.fixture(scope="module")
def oidc_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyStore]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('oidc')}/keys.db", timeout=60)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    """The issuer. Each algorithm has a key of that name, and RS256 the one named k1 as well."""
    with provider() as serving:
        serving.keys = [jwk_of(key_for(alg, 1), kid=alg) for alg in ALGORITHMS] + [jwk_of(private("rsa"), kid="k1")]
        yield serving


@pytest.fixture(scope="module")
def other_idp() -> Iterator[Provider]:
    """Another configured issuer, with another key of the same name."""
    with provider() as serving:
        serving.keys = [jwk_of(private("rsa", 2), kid="k1")]
        yield serving


@pytest.fixture(scope="module")
def id_world(oidc_store: KeyStore, idp: Provider, other_idp: Provider) -> World:
    return World(oidc_store, idp, other_idp)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords cost next to nothing to hash."""
    monkeypatch.setattr("counterseal.server.sessions.passwords.PasswordHasher", cheap_hasher)


@pytest.fixture
def people(tmp_path: Path, cheap: None) -> Iterator[People]:
    """A server with a principal, alice. It starts in half a second, and nobody's failures are another test's."""
    with serving_people(tmp_path / "data") as found:
        found.add()
        yield found
