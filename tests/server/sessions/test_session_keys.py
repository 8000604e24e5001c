"""Public keys of sessions: made by the client, registered, prolonged, and ended with the session."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from counterseal.v1 import keys_pb2
from counterseal.v1 import sessions_pb2 as pb
from tests.server.calls import failing, outcome
from tests.server.sessions.people import People, PrivateKey, public, reason, signed


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(p256(), "ecdsa-p256-sha256"), (ed25519.Ed25519PrivateKey.generate(), "ed25519")],
    ids=["p256", "ed25519"],
)
def test_a_key_signs_requests_as_the_principal(people: People, key: PrivateKey, algorithm: str) -> None:
    given = people.sign_in(access_token=False, public_key=public(key))
    assert given.key.algorithm == algorithm
    verified = people.verify_signed(key, given.key.key_id).verified
    assert (verified.principal, verified.scheme, verified.session_id) == ("alice", "rfc9421", given.session.session_id)
    record = people.client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=given.key.key_id), metadata=people.admin).key
    assert (record.session_id, list(record.allowed_schemes)) == (given.session.session_id, ["rfc9421"])
    people.clock.ahead += 3601
    assert outcome(people.verify_signed(key, given.key.key_id)) == "KEY_EXPIRED"


def test_another_key_does_not_sign_for_it(people: People) -> None:
    given = people.sign_in(public_key=public(p256()))
    assert outcome(people.verify_signed(p256(), given.key.key_id)) == "MISMATCH"


def test_every_way_to_write_a_key(people: People) -> None:
    key = p256()
    numbers = key.public_key().public_numbers()
    x, y = (base64.urlsafe_b64encode(part.to_bytes(32, "big")).rstrip(b"=").decode() for part in (numbers.x, numbers.y))
    jwk = json.dumps({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    given = people.sign_in(public_key=pb.SessionPublicKey(jwk=jwk))
    for encoding in (public(key), pb.SessionPublicKey(raw=point)):
        same = people.register(encoding, session_id=given.session.session_id)
        assert same.key.key_id == given.key.key_id


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256K1())],
    ids=["rsa", "p384", "secp256k1"],
)
def test_kinds_that_sessions_do_not_take(people: People, key: PrivateKey) -> None:
    given = people.sign_in()
    for call in (
        lambda: people.try_sign_in(public_key=public(key)),
        lambda: people.try_refresh(given.refresh_token, public_key=public(key)),
        lambda: people.register(public(key), session_id=given.session.session_id),
    ):
        with failing() as failures:
            call()
        assert failures[0].code == "INVALID_ARGUMENT"
        assert failures[0].field.startswith("public_key")
    # Nothing was done before that was found out.
    assert len(people.listed()) == 1
    assert people.refresh(given.refresh_token)


def test_a_private_key_is_refused_and_not_quoted(people: People) -> None:
    pem = p256().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with failing() as failures:
        people.sign_in(public_key=pb.SessionPublicKey(pem=pem.decode()))
    assert failures[0].field == "public_key.pem"
    assert pem.decode().splitlines()[1] not in failures[0].text + people.log()


def test_registering_by_a_bearer_token_that_verifies(people: People) -> None:
    given, key = people.sign_in(), p256()
    answer = people.register(public(key), access_token=given.access_token.token)
    assert outcome(people.verify_signed(key, answer.key.key_id)) == "verified"
    newer = people.refresh(given.refresh_token)
    assert reason(people.register(public(p256()), access_token=given.access_token.token).refused) == "UNKNOWN"
    people.clock.ahead += 901
    assert reason(people.register(public(p256()), access_token=newer.access_token.token).refused) == "OVER"
    assert people.register(public(p256()), session_id=given.session.session_id).key.key_id


@pytest.mark.parametrize("which", [{"session_id": "A" * 24}, {"session_id": "x"}, {"access_token": "cstk_"}])
def test_of_no_session(people: People, which: dict[str, str]) -> None:
    assert reason(people.register(public(p256()), **which).refused) == "UNKNOWN"


def test_no_key_for_a_session_that_is_over(people: People) -> None:
    given = people.sign_in()
    people.sign_out(session_id=given.session.session_id)
    for which in ({"session_id": given.session.session_id}, {"access_token": given.access_token.token}):
        assert reason(people.register(public(p256()), **which).refused) == "OVER"
    idle = people.sign_in()
    people.clock.ahead += 3601
    assert reason(people.register(public(p256()), session_id=idle.session.session_id).refused) == "OVER"


def test_at_most_ten_live_keys(people: People) -> None:
    keys = [p256() for _ in range(11)]
    given = people.sign_in(public_key=public(keys[0]))
    session_id = given.session.session_id
    for key in keys[1:10]:
        assert people.register(public(key), session_id=session_id).key.key_id
    assert reason(people.register(public(keys[10]), session_id=session_id).refused) == "TOO_MANY_KEYS"
    assert reason(people.try_refresh(given.refresh_token, public_key=public(keys[10])).refused) == "TOO_MANY_KEYS"
    # One of the ten is prolonged all the same; and a refusal has used no refresh token up.
    assert people.refresh(given.refresh_token, public_key=public(keys[5])).key.key_id


def test_a_key_that_an_administrator_revoked_or_disabled_does_not_come_back(people: People) -> None:
    key = p256()
    given = people.sign_in(public_key=public(key))
    people.client.update(given.key.key_id, "state", state=keys_pb2.KEY_STATE_DISABLED)
    people.clock.ahead += 10
    assert people.register(public(key), session_id=given.session.session_id).key.key_id == given.key.key_id
    assert outcome(people.verify_signed(key, given.key.key_id)) == "KEY_DISABLED"
    people.client.revoke(given.key.key_id)
    assert reason(people.register(public(key), session_id=given.session.session_id).refused) == "OVER"
    assert outcome(people.verify_signed(key, given.key.key_id)) == "KEY_REVOKED"


def test_one_public_key_in_two_sessions_is_two_keys(people: People) -> None:
    key = p256()
    one, two = people.sign_in(public_key=public(key)), people.sign_in(public_key=public(key))
    assert one.key.key_id != two.key.key_id
    people.sign_out(session_id=one.session.session_id)
    assert outcome(people.verify_signed(key, one.key.key_id)) == "KEY_REVOKED"
    assert people.verify_signed(key, two.key.key_id).verified.session_id == two.session.session_id


def test_the_key_id_is_under_the_signature(people: People) -> None:
    """Whoever registers somebody else's public key cannot have that one's requests taken for their own."""
    key = p256()
    one, two = people.sign_in(public_key=public(key)), people.sign_in(public_key=public(key))
    request = signed(key, one.key.key_id, int(people.clock()))
    for header in request.http_request.headers:
        header.value = header.value.replace(one.key.key_id.encode(), two.key.key_id.encode())
    assert outcome(people.client.verification.Verify(request)) == "MISMATCH"


def test_keys_of_a_session_are_neither_rotated_nor_given_another_end(people: People) -> None:
    given = people.sign_in(public_key=public(p256()))
    credentials = people.credentials(session_id=given.session.session_id).credentials
    for key_id in (given.access_token.key_id, given.key.key_id, credentials.key_id):
        rotate = keys_pb2.RotateKeyRequest(key_id=key_id)
        rotate.overlap.SetInParent()
        with failing():
            people.client.keys.RotateKey(rotate, metadata=people.admin)
        with failing() as failures:
            people.client.update(key_id, "expire_time")
        assert failures[0].code == "INVALID_ARGUMENT"
