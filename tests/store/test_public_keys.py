"""Public keys: registered as they come, stored with a seal that holds nothing, and never taken for a secret."""

import base64
import dataclasses
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.model import Key, KeyKind, KeyState, PublicKey
from counterseal.server.errors import InvalidField, KeyExists, KeyIsRevoked, RequestIdReused, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.reseal import ResealReport, reseal_all
from counterseal.server.keys.seal import seal_key
from counterseal.server.keys.stored import open_key
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import (
    Encoding,
    ImportedMaterial,
    KeyChange,
    KeyDraft,
    KeyQuery,
    OfferedPublicKey,
    PublicMaterial,
)
from tests.store import forging, samples
from tests.store.rig import Rig

ED25519 = Ed25519PrivateKey.from_private_bytes(b"7" * 32)
P256 = ec.derive_private_key(12345, ec.SECP256R1())
P384 = ec.derive_private_key(12345, ec.SECP384R1())
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def pem(key: Any) -> bytes:
    found: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, SPKI)
    return found


def der(key: Any) -> bytes:
    found: bytes = key.public_key().public_bytes(serialization.Encoding.DER, SPKI)
    return found


def jwk(**members: str) -> bytes:
    return json.dumps(members).encode()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def offered(data: bytes = b"", encoding: Encoding = Encoding.PEM, **more: str) -> OfferedPublicKey:
    return OfferedPublicKey(text=data or pem(ED25519), encoding=encoding, **more)


def register(rig: Rig, key_id: str = "pub-1", key: Any = ED25519, **fields: Any) -> Key:
    rig.issuer.issue(KeyDraft(material=offered(pem(key), key_id=key_id), **fields), actor="me")
    return opened(rig, key_id)


def opened(rig: Rig, key_id: str) -> Key:
    rig.ring.evict(key_id)
    found = rig.ring.find(key_id)
    assert found is not None
    return found.key


RAW_ED25519 = ED25519.public_key().public_bytes_raw()
POINT = P256.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
FORMS: dict[str, tuple[OfferedPublicKey, str, bytes]] = {
    "pem": (offered(), "ed25519", der(ED25519)),
    "jwk": (offered(jwk(kty="OKP", crv="Ed25519", x=b64(RAW_ED25519)), Encoding.JWK), "ed25519", der(ED25519)),
    "raw": (offered(RAW_ED25519, Encoding.RAW), "ed25519", der(ED25519)),
    "point": (offered(POINT, Encoding.RAW), "ecdsa-p256-sha256", der(P256)),
    "p-384": (offered(pem(P384), algorithm="ecdsa-p384-sha384"), "ecdsa-p384-sha384", der(P384)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_public_key_is_registered_in_every_encoding(rig: Rig, form: str) -> None:
    material, algorithm, spki = FORMS[form]
    issued = rig.issuer.issue(KeyDraft(material=material), actor="me")
    assert issued.secret == ""
    assert issued.record.key_id.startswith("CSPK")
    assert len(issued.record.key_id) == 24
    assert issued.record.public_key == PublicKey(algorithm=algorithm, spki=spki)
    assert issued.record.kind is KeyKind.PUBLIC
    assert issued.record.allowed_schemes == {"rfc9421"}
    assert rig.issuer.get(issued.record.key_id) == issued.record
    assert rig.issuer.list_keys(KeyQuery()).records == (issued.record,)
    key = opened(rig, issued.record.key_id)
    assert (key.kind, key.secret, key.public_key) == (KeyKind.PUBLIC, b"", issued.record.public_key)


@pytest.fixture(scope="module")
def rsa_pem() -> bytes:
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def test_an_rsa_key_names_its_algorithm(rig: Rig, rsa_pem: bytes) -> None:
    with pytest.raises(InvalidField, match=r"^public_key\.algorithm: ") as caught:
        rig.issuer.issue(KeyDraft(material=offered(rsa_pem)), actor="me")
    assert caught.value.field == "public_key.algorithm"
    record = rig.issuer.issue(KeyDraft(material=offered(rsa_pem, algorithm="rsa-pss-sha512")), actor="me").record
    assert record.public_key is not None
    assert record.public_key.algorithm == "rsa-pss-sha512"


PRIVATE = ED25519.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
BAD: dict[str, tuple[OfferedPublicKey, str]] = {
    "nothing": (OfferedPublicKey(text=b"", encoding=Encoding.PEM), "public_key.pem"),
    "no pem": (offered(b"hello"), "public_key.pem"),
    "a secret as raw": (offered(b"a secret of 24 bytes....", Encoding.RAW), "public_key.raw"),
    "pem as jwk": (offered(pem(ED25519), Encoding.JWK), "public_key.jwk"),
    "pem as raw": (offered(pem(ED25519), Encoding.RAW), "public_key.raw"),
    "raw as pem": (offered(RAW_ED25519, Encoding.PEM), "public_key.pem"),
    "raw as jwk": (offered(b"{" + b"x" * 31, Encoding.JWK), "public_key.jwk"),
    "private": (offered(PRIVATE), "public_key.pem"),
    "symmetric jwk": (offered(jwk(kty="oct", k=b64(b"s" * 32)), Encoding.JWK), "public_key.jwk"),
    "unknown algorithm": (offered(algorithm="hmac-sha256"), "public_key.algorithm"),
    "another algorithm": (offered(algorithm="ecdsa-p256-sha256"), "public_key.pem"),
    "too long": (offered(b"-----BEGIN" + b"x" * 20_000), "public_key.pem"),
    "key id": (offered(key_id="-x"), "public_key.key_id"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_public_key_is_refused_and_not_quoted(rig: Rig, name: str) -> None:
    material, field = BAD[name]
    with pytest.raises(InvalidField) as caught:
        rig.issuer.issue(KeyDraft(material=material), actor="me")
    assert caught.value.field == field
    quoted = material.text[27:60].decode("ascii", "replace")
    assert not quoted or quoted not in str(caught.value)
    assert rig.issuer.list_keys(KeyQuery()).records == ()


def test_a_key_is_for_schemes_that_take_its_kind(rig: Rig) -> None:
    for schemes in ({"aws-sigv4"}, {"rfc9421", "aws-sigv4"}, {"unknown"}):
        with pytest.raises(InvalidField, match=r"^allowed_schemes: "):
            register(rig, allowed_schemes=frozenset(schemes))
    for material in (None, ImportedMaterial(key_id="sym-1", secret=b"s" * 16)):
        with pytest.raises(InvalidField, match=r"^allowed_schemes: must take symmetric keys"):
            rig.issuer.issue(KeyDraft(material=material, allowed_schemes=frozenset({"only-public"})), actor="me")
    register(rig, allowed_schemes=frozenset({"rfc9421", "only-public"}))


def test_an_update_does_not_cross_kinds_either(rig: Rig) -> None:
    register(rig)
    secret = rig.issuer.issue(KeyDraft(allowed_schemes=frozenset({"rfc9421"})), actor="me").record
    for key_id, scheme in (("pub-1", "aws-sigv4"), (secret.key_id, "only-public")):
        change = KeyChange(key_id=key_id, etag="", mask=frozenset({"allowed_schemes"}), allowed_schemes=frozenset({scheme}))
        with pytest.raises(InvalidField, match=r"^key\.allowed_schemes: must take "):
            rig.issuer.update(change, actor="me")
        assert opened(rig, key_id).allowed_schemes == {"rfc9421"}
    fits = KeyChange(key_id="pub-1", etag="", mask=frozenset({"allowed_schemes"}), allowed_schemes=frozenset({"only-public"}))
    assert rig.issuer.update(fits, actor="me").allowed_schemes == {"only-public"}


def test_a_changed_and_a_revoked_public_key_open_as_they_are(rig: Rig) -> None:
    before = register(rig)
    rig.issuer.update(KeyChange(key_id="pub-1", etag="", mask=frozenset({"principal"}), principal="p"), actor="me")
    assert opened(rig, "pub-1") == dataclasses.replace(before, principal="p")
    rig.issuer.revoke("pub-1", "gone", actor="me")
    assert opened(rig, "pub-1").state is KeyState.REVOKED


# What an intruder who can write the database would like to make of a public key, or to show as one.
FORGED: dict[str, str] = {
    "another algorithm": "algorithm = 'ecdsa-p256-sha256'",
    "no algorithm": "algorithm = ''",
    "another key": "public_key = (SELECT public_key FROM keys WHERE key_id = 'pub-2')",
    "no key": "public_key = NULL",
    "symmetric": "public_key = NULL, algorithm = ''",
    "the key as the seal": "sealed_secret = public_key, public_key = NULL, algorithm = ''",
    "another seal": "sealed_secret = (SELECT sealed_secret FROM keys WHERE key_id = 'pub-2')",
    "a secret's seal": "sealed_secret = (SELECT sealed_secret FROM keys WHERE key_id = 'sym-1')",
    "a secret's seal, symmetric": "sealed_secret = (SELECT sealed_secret FROM keys WHERE key_id = 'sym-1'), "
    "public_key = NULL, algorithm = ''",
    "the older envelope": "sealed_secret = CAST(x'01' || substr(sealed_secret, 2) AS BLOB)",
    "the older envelope, symmetric": "sealed_secret = CAST(x'01' || substr(sealed_secret, 2) AS BLOB), "
    "public_key = NULL, algorithm = ''",
    "an unknown envelope": "sealed_secret = CAST(x'03' || substr(sealed_secret, 2) AS BLOB)",
    "another scheme": """allowed_schemes = '["aws-sigv4"]'""",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_row_of_a_public_key_opens_as_nothing(rig: Rig, name: str) -> None:
    for key_id, key in (("pub-1", ED25519), ("pub-2", P256)):
        register(rig, key_id, key)
    rig.issuer.issue(KeyDraft(material=ImportedMaterial(key_id="sym-1", secret=b"s" * 32)), actor="me")
    forge(rig, "pub-1", FORGED[name])
    with pytest.raises(SealBroken):
        opened(rig, "pub-1")
    assert opened(rig, "pub-2").kind is KeyKind.PUBLIC


FORGED_SECRETS = {
    "algorithm": "algorithm = 'ed25519'",
    "public key": "public_key = (SELECT public_key FROM keys WHERE key_id = 'pub-1'), algorithm = 'ed25519'",
    "the newer envelope": "sealed_secret = CAST(x'02' || substr(sealed_secret, 2) AS BLOB)",
    "the newer envelope, public": "sealed_secret = CAST(x'02' || substr(sealed_secret, 2) AS BLOB), "
    "public_key = (SELECT public_key FROM keys WHERE key_id = 'pub-1'), algorithm = 'ed25519'",
}


@pytest.mark.parametrize("name", FORGED_SECRETS)
def test_no_secret_is_made_a_public_key(rig: Rig, name: str) -> None:
    """Else it would be shown to whoever may read keys."""
    register(rig)
    rig.issuer.issue(KeyDraft(material=ImportedMaterial(key_id="sym-1", secret=b"s" * 32)), actor="me")
    forge(rig, "sym-1", FORGED_SECRETS[name])
    with pytest.raises(SealBroken):
        opened(rig, "sym-1")
    shown = rig.issuer.get("sym-1").public_key
    assert shown is None or b"s" * 32 not in shown.spki


def forge(rig: Rig, key_id: str, change: str) -> None:
    forging.forge(rig.store, change, key_id)


def test_nothing_is_sealed_with_a_public_key() -> None:
    cipher = SecretCipher(MasterKeys.generate())
    key = samples.stored(public_key=PublicKey(algorithm="ed25519", spki=der(ED25519)))
    with pytest.raises(ValueError, match="no secret"):
        seal_key(b"s" * 32, key, cipher)
    assert open_key(seal_key(b"", key, cipher), cipher).secret == b""


def test_a_seal_of_a_public_key_that_holds_a_secret_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody without a master key can make one; a bug of ours could."""
    cipher = SecretCipher(MasterKeys.generate())
    sealed = seal_key(b"", samples.stored(public_key=PublicKey(algorithm="ed25519", spki=der(ED25519))), cipher)
    monkeypatch.setattr(SecretCipher, "unseal", lambda *_, **__: b"s" * 32)
    with pytest.raises(SealBroken, match="holds a secret"):
        open_key(sealed, cipher)


def test_a_retry_finds_the_key_of_the_first_attempt(rig: Rig) -> None:
    draft = KeyDraft(material=offered(), request_id="r-1", principal="p")
    first = rig.issuer.issue(draft, actor="me")
    again = dataclasses.replace(draft, material=FORMS["jwk"][0])  # the same key, written otherwise
    assert rig.issuer.issue(again, actor="me") == first
    for material in (offered(pem(P256)), offered(key_id="pub-9"), None):
        with pytest.raises(RequestIdReused):
            rig.issuer.issue(dataclasses.replace(draft, material=material), actor="me")
    rig.issuer.revoke(first.record.key_id, "gone", actor="me")
    with pytest.raises(KeyIsRevoked):
        rig.issuer.issue(draft, actor="me")


def test_an_id_is_taken_by_a_key_of_any_kind(rig: Rig) -> None:
    register(rig, "one")
    with pytest.raises(KeyExists):
        rig.issuer.issue(KeyDraft(material=ImportedMaterial(key_id="one", secret=b"s" * 16)), actor="me")
    with pytest.raises(KeyExists):
        register(rig, "one", P256)


def test_the_trail_names_the_key_by_its_hash(rig: Rig) -> None:
    register(rig)
    ((_, entry),) = rig.store.read_audit("pub-1")
    assert entry.action == "register"
    assert entry.detail["algorithm"] == "ed25519"
    digest = entry.detail["public_key_sha256"]
    assert isinstance(digest, str)
    assert len(digest) == 64


def test_a_reseal_takes_public_keys_along(store: KeyStore) -> None:
    old, new = b"o" * 32, b"n" * 32
    rig = Rig(store, cipher=SecretCipher(MasterKeys(active="old", keys={"old": old})))
    before = register(rig)
    rig.flight.close()
    done = reseal_all(store, SecretCipher(MasterKeys(active="new", keys={"new": new, "old": old})))
    assert done == ResealReport(resealed=1, skipped=0)
    stored = store.read_key("pub-1")
    assert stored is not None
    assert open_key(stored, SecretCipher(MasterKeys(active="new", keys={"new": new}))) == before


def test_rows_from_before_are_symmetric_and_open(tmp_path: Path) -> None:
    """A database as the release before left it: same seals, no columns for public keys; and what that release writes after."""
    from alembic import command
    from alembic.config import Config

    url = f"sqlite:///{tmp_path}/keys.db"
    store = samples.open_store(url, timeout=60)
    store.database.prepare()
    with store.database.writes.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "counterseal.server.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    cipher = SecretCipher(MasterKeys.generate())
    columns = insert_as_before(tmp_path / "keys.db", "old-1", cipher)
    assert "public_key" not in columns
    store.upgrade()
    insert_as_before(tmp_path / "keys.db", "old-2", cipher)
    for key_id in ("old-1", "old-2"):
        stored = store.read_key(key_id)
        assert stored is not None
        assert stored.record.kind is KeyKind.SYMMETRIC
        assert open_key(stored, cipher).secret == b"the secret of before"
    store.close()


def insert_as_before(path: Path, key_id: str, cipher: SecretCipher) -> list[str]:
    """Insert a row with the columns of schema 0001 alone; return the columns that the table has."""
    from counterseal.server.store.rows import stored_values

    values = stored_values(seal_key(b"the secret of before", samples.stored(key_id), cipher))
    later = {"algorithm", "public_key", "secret_created", "previous_version", "previous_until", "policy", "kind", "session_id"}
    values = {name: value for name, value in values.items() if name not in later}
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(keys)")]
        count = connection.execute("SELECT count(*) FROM keys").fetchone()[0]
        values["changed"] = count + 1
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO keys ({names}) VALUES ({marks})", tuple(values.values()))
    connection.close()
    return columns


def test_material_that_is_read_already_is_taken_as_it_is(rig: Rig) -> None:
    public_key = PublicKey(algorithm="ed25519", spki=der(ED25519))
    record = rig.issuer.issue(KeyDraft(material=PublicMaterial(key_id="", public_key=public_key)), actor="me").record
    assert record.public_key == public_key
