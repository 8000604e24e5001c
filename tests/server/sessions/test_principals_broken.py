"""A principal's row that somebody changed behind our back: it signs in nowhere, is shown to nobody, and can be removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from counterseal.server.store.tables import PRINCIPALS
from counterseal.v1 import principals_pb2 as pb
from tests.server.calls import failing
from tests.server.sessions.people import PASSWORD, People, cheap_hasher, serving_people
from tests.store.samples import open_store


@pytest.fixture
def forged(tmp_path: Path) -> Iterator[People]:
    """Two principals, of which alice is labelled an administrator by whoever can write the database."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("counterseal.server.sessions.passwords.PasswordHasher", cheap_hasher)
        with serving_people(tmp_path / "data") as staff:
            for name in ("alice", "bob"):
                staff.add(name, labels={"role": "user"})
            yield staff


def _forge(folder: Path, **values: Any) -> None:
    store = open_store(f"sqlite:///{folder}/data/counterseal.db", timeout=10)
    try:
        statement = update(PRINCIPALS).where(PRINCIPALS.c.name == "alice").values(**values)
        store.transactions.writing(lambda connection: connection.execute(statement))
    finally:
        store.close()


def _names(staff: People) -> list[str]:
    answer = staff.principals.ListPrincipals(pb.ListPrincipalsRequest(), metadata=staff.admin)
    return [one.name for one in answer.principals]


def test_a_forged_row_is_nobody(forged: People, tmp_path: Path) -> None:
    held = forged.sign_in("alice")
    assert _names(forged) == ["alice", "bob"]
    _forge(tmp_path, labels='{"role":"admin"}')
    assert _names(forged) == ["bob"]
    mask = pb.UpdatePrincipalRequest(principal=pb.Principal(name="alice", description="sealed anew?"))
    mask.update_mask.paths.append("description")
    for call in (
        lambda: forged.principals.GetPrincipal(pb.GetPrincipalRequest(name="alice"), metadata=forged.admin),
        lambda: forged.principals.UpdatePrincipal(mask, metadata=forged.admin),
        lambda: forged.principals.SetPassword(pb.SetPasswordRequest(name="alice", password=PASSWORD), metadata=forged.admin),
        lambda: forged.try_sign_in("alice"),
    ):
        with failing() as seen:
            call()
        assert (seen[0].code, seen[0].reason) == ("INTERNAL", "INTERNAL")
    assert forged.sign_in("bob")
    # Removing it needs nothing of what the row says, and ends what it began.
    assert forged.verify_token(held.access_token.token) == "verified"
    forged.principals.DeletePrincipal(pb.DeletePrincipalRequest(name="alice"), metadata=forged.admin)
    assert forged.verify_token(held.access_token.token) == "KEY_REVOKED"
    forged.add("alice")
    assert forged.sign_in("alice")


def test_a_disabled_row_is_not_enabled_in_the_database(forged: People, tmp_path: Path) -> None:
    request = pb.UpdatePrincipalRequest(principal=pb.Principal(name="alice", state=pb.PRINCIPAL_STATE_DISABLED))
    request.update_mask.paths.append("state")
    forged.principals.UpdatePrincipal(request, metadata=forged.admin)
    assert forged.try_sign_in("alice").WhichOneof("outcome") == "refused"
    _forge(tmp_path, state="active")
    with failing() as seen:
        forged.try_sign_in("alice")
    assert seen[0].code == "INTERNAL"


def test_another_principals_seal_does_not_fit(forged: People, tmp_path: Path) -> None:
    """Whoever knows one password, and can write the database, does not lend it to another principal."""
    store = open_store(f"sqlite:///{tmp_path}/data/counterseal.db", timeout=10)
    try:
        with store.transactions.reading() as connection:
            seals = dict(connection.execute(PRINCIPALS.select().with_only_columns(PRINCIPALS.c.name, PRINCIPALS.c.seal)).all())
    finally:
        store.close()
    assert seals["alice"] != seals["bob"]
    _forge(tmp_path, seal=seals["bob"])
    with failing() as seen:
        forged.try_sign_in("alice")
    assert seen[0].code == "INTERNAL"
