"""Exchange over gRPC, with an issuer over HTTP: what an ID token begins, and what is refused."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.v1 import principals_pb2 as ppb
from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import failing, outcome
from tests.server.sessions.oidc_provider import Provider, claims_of, jwk_of, private, provider, token_of
from tests.server.sessions.people import People, public, reason, serving_people, with_token

ISSUER = "https://id.example"


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with provider() as serving:
        serving.keys = [jwk_of(private("rsa"), kid="k1")]
        yield serving


def _config(folder: Path, idp: Provider) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "c.toml").write_text(
        f'[[oidc]]\nissuer = "{ISSUER}"\naudiences = ["shop"]\njwks_url = "{idp.url}"\n'
        'tenant = "acme"\nprincipal_prefix = "id:"\n'
    )
    return str(folder / "c.toml")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exchange")


@pytest.fixture(scope="module")
def people(home: Path, idp: Provider) -> Iterator[People]:
    with serving_people(home / "data", CONFIG=_config(home, idp)) as serving:
        _until_keys_are_read(serving)
        yield serving


def _until_keys_are_read(people: People) -> None:
    """The issuer has five seconds to answer: on a stalled machine it may miss them, and is asked again."""
    end = time.monotonic() + 60
    while "oidc_keys_read" not in people.log():
        assert time.monotonic() < end
        with contextlib.suppress(grpc.RpcError):
            _exchange(people, _token(exp=1))


def _token(**changes: Any) -> str:
    now = int(time.time())
    times = {"iat": now - 1, "exp": now + 300, "jti": str(time.monotonic_ns())}
    return token_of(claims_of(ISSUER, **(times | changes)))


def _exchange(people: People, token: str, **fields: Any) -> pb.ExchangeResponse:
    request = pb.ExchangeRequest(id_token=token, **fields)
    answer: pb.ExchangeResponse = people.sessions.Exchange(request, metadata=people.metadata, timeout=60)
    return answer


def _refused(answer: pb.ExchangeResponse) -> tuple[str, str]:
    assert answer.WhichOneof("outcome") == "refused"
    return reason(answer.refused), answer.refused.detail


def test_an_id_token_begins_a_session_once(people: People) -> None:
    token = _token(nonce="n-1")
    answer = _exchange(people, token, nonce="n-1", access_token=True)
    assert answer.WhichOneof("outcome") == "signed_in", answer.refused
    session = answer.signed_in.session
    assert (session.tenant, session.principal, session.method) == ("acme", "id:alice", f"oidc:{ISSUER}")
    verified = people.client.verification.Verify(with_token(answer.signed_in.access_token.token)).verified
    assert (verified.tenant, verified.principal, verified.session_id) == ("acme", "id:alice", session.session_id)
    assert _refused(_exchange(people, token, nonce="n-1", access_token=True)) == ("ID_TOKEN", "ID token: used before")
    # A refused token ends nothing.
    assert people.verify_token(answer.signed_in.access_token.token) == "verified"
    people.sign_out(session_id=session.session_id, wait=True)
    assert people.verify_token(answer.signed_in.access_token.token) == "KEY_REVOKED"
    assert token not in people.log()
    assert token.rpartition(".")[2] not in people.log()


def test_a_key_that_cannot_leave_the_browser(people: People) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signed_in = _exchange(people, _token(), public_key=public(key)).signed_in
    assert not signed_in.HasField("access_token")
    assert people.verify_signed(key, signed_in.key.key_id).verified.principal == "id:alice"


@pytest.mark.parametrize(
    ("changes", "nonce", "detail"),
    [
        ({"aud": "blog"}, "", "aud: another audience"),
        ({"iss": "https://evil.example"}, "", "iss: no configured issuer"),
        ({"exp": 1}, "", "exp: expired"),
        ({}, "n-1", "nonce: missing, another one, or none was handed over"),
        ({"nonce": "n-1"}, "", "nonce: missing, another one, or none was handed over"),
    ],
)
def test_what_is_refused(people: People, changes: dict[str, Any], nonce: str, detail: str) -> None:
    before = len(people.listed(include_over=True))
    assert _refused(_exchange(people, _token(**changes), nonce=nonce)) == ("ID_TOKEN", f"ID token: {detail}")
    assert len(people.listed(include_over=True)) == before


def test_alg_none(people: People) -> None:
    unsigned = ".".join(["eyJhbGciOiJub25lIn0", _token().split(".")[1], "AAAA"])
    assert _refused(_exchange(people, unsigned)) == ("ID_TOKEN", "ID token: alg: not one of those pinned for this issuer")


def test_a_principal_of_that_name_may_be_disabled(people: People) -> None:
    principal = ppb.Principal(tenant="acme", name="id:bob", state=ppb.PRINCIPAL_STATE_DISABLED)
    people.principals.CreatePrincipal(ppb.CreatePrincipalRequest(principal=principal), metadata=people.admin)
    refused = _exchange(people, _token(sub="bob"))
    assert _refused(refused)[0] == "CREDENTIALS"
    # The principal bob, without the prefix, is somebody else.
    people.add("bob", tenant="acme")
    assert _refused(_exchange(people, _token(sub="bob")))[0] == "CREDENTIALS"


def test_whom_only_the_issuer_knew_is_out_once_created_disabled(people: People) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    held = _exchange(people, _token(sub="mallory"), access_token=True, public_key=public(key)).signed_in
    other = _exchange(people, _token(sub="mallory2"), access_token=True).signed_in
    principal = ppb.Principal(tenant="acme", name="id:mallory", state=ppb.PRINCIPAL_STATE_DISABLED)
    people.principals.CreatePrincipal(ppb.CreatePrincipalRequest(principal=principal), metadata=people.admin)
    assert people.verify_token(held.access_token.token) == "KEY_REVOKED"
    assert outcome(people.verify_signed(key, held.key.key_id)) == "KEY_REVOKED"
    assert reason(people.try_refresh(held.refresh_token).refused) == "OVER"
    ended = [one for one in people.listed(include_over=True) if one.session_id == held.session.session_id]
    assert [one.end_reason for one in ended] == ["principal disabled"]
    assert people.verify_token(other.access_token.token) == "verified"


def test_whom_only_the_issuer_knew_goes_on_once_created(people: People) -> None:
    held = _exchange(people, _token(sub="trent"), access_token=True).signed_in
    people.add("id:trent", tenant="acme")
    assert people.verify_token(held.access_token.token) == "verified"
    assert people.try_refresh(held.refresh_token).WhichOneof("outcome") == "signed_in"


def test_fronts_of_other_tenants(people: People) -> None:
    front = people.caller("blog-front", "SESSIONS", "blog")
    request = pb.ExchangeRequest(id_token=_token())
    # To such a front the issuer is none at all, whether the token is good or not, or was used; and it uses up nobody's token.
    for token in (request.id_token, _token(exp=1), request.id_token[:-4] + "AAAA"):
        answer = people.sessions.Exchange(pb.ExchangeRequest(id_token=token), metadata=front, timeout=60)
        assert _refused(answer) == ("ID_TOKEN", "ID token: iss: no configured issuer")
    assert people.sessions.Exchange(request, metadata=people.admin, timeout=60).WhichOneof("outcome") == "signed_in"
    answer = people.sessions.Exchange(request, metadata=front, timeout=60)
    assert _refused(answer) == ("ID_TOKEN", "ID token: iss: no configured issuer")
    gateway = people.caller("edge", "GATEWAY")
    with pytest.raises(grpc.RpcError) as caught:
        people.sessions.Exchange(request, metadata=gateway, timeout=60)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_another_replica(people: People, home: Path, tmp_path: Path, idp: Provider) -> None:
    first = home / "data"
    (tmp_path / "data").mkdir(mode=0o700)
    shutil.copy(first / "master.keys", tmp_path / "data" / "master.keys")
    database = f"sqlite:///{first}/counterseal.db"
    token = _token()
    with serving_people(tmp_path / "data", CONFIG=_config(tmp_path, idp), DATABASE_URL=database) as other:
        _until_keys_are_read(other)
        assert _exchange(other, token).WhichOneof("outcome") == "signed_in"
        assert _refused(_exchange(people, token)) == ("ID_TOKEN", "ID token: used before")
        token = _token()
        assert _exchange(people, token).WhichOneof("outcome") == "signed_in"
        assert _refused(_exchange(other, token)) == ("ID_TOKEN", "ID token: used before")


def test_without_a_provider_nobody_knows(tmp_path: Path) -> None:
    with provider() as gone:
        config = _config(tmp_path, gone)
    with serving_people(tmp_path / "data", CONFIG=config) as people:
        with failing() as seen:
            _exchange(people, _token())
        assert seen[0].code == "UNAVAILABLE"
        assert "oidc_keys_unavailable" in people.log()


def test_without_an_issuer(tmp_path: Path) -> None:
    with serving_people(tmp_path / "data") as people:
        assert _refused(_exchange(people, _token())) == ("ID_TOKEN", "no issuer is configured")
