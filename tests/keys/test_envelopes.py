"""Seals outlive releases: what this one seals for sessions, later ones open, and nobody turns one kind of key into another."""

import dataclasses
import datetime as dt
import itertools
import re
from typing import Any

import pytest

from counterseal.core.model import KeyKind, PublicKey
from counterseal.core.policy import KeyPolicy
from counterseal.server.errors import SealBroken
from counterseal.server.keys.cipher import VERSIONS, SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.principal_seal import open_principal, seal_principal
from counterseal.server.keys.seal import ENVELOPES, open_secret, seal_key
from counterseal.server.keys.sealed_secrets import Secrets
from counterseal.server.keys.session_seal import open_session, seal_session
from counterseal.server.keys.stored import open_key
from counterseal.server.store.records import PreviousSecret, StoredKey
from counterseal.server.store.session_records import RefreshHashes
from tests.store import samples, session_samples
from tests.store.samples import NOON

CIPHER = SecretCipher(MasterKeys(active="golden", keys={"golden": b"the master key of golden seals!!"}))
HASH, SECRET, SPKI = b"h" * 32, b"cssk_" + b"s" * 40, b"no key, but bytes"
SESSION_ID = "ABCDEFGHIJKLMNOPQRSTUVWX"
ROTATED: dict[str, Any] = {"secret_created": NOON, "previous": PreviousSecret(version=1, until=NOON + dt.timedelta(hours=1))}
PUBLIC = PublicKey(algorithm="ed25519", spki=SPKI)

# By name: the envelope, what the record has beside, and what is sealed.
KINDS: dict[str, tuple[int, dict[str, Any], Secrets]] = {
    "symmetric": (1, {}, Secrets(current=SECRET)),
    "public": (2, {"public_key": PUBLIC}, Secrets(current=b"")),
    "symmetric, rotated": (3, ROTATED, Secrets(current=SECRET, previous=b"p" * 32)),
    "public, limited": (4, {"public_key": PUBLIC, "policy": KeyPolicy(methods=frozenset({"GET"}))}, Secrets(current=b"")),
    "symmetric of a session": (5, {"session_id": SESSION_ID}, Secrets(current=SECRET)),
    "public of a session": (6, {"session_id": SESSION_ID, "public_key": PUBLIC}, Secrets(current=b"")),
    "bearer": (7, {"bearer": True}, Secrets(current=HASH)),
    "bearer of a session": (7, {"bearer": True, "session_id": SESSION_ID}, Secrets(current=HASH)),
    "bearer, rotated": (7, {"bearer": True} | ROTATED, Secrets(current=HASH, previous=b"p" * 32)),
}
# As this release sealed them. Never to be changed: what lies in somebody's database was sealed so.
GOLDEN: dict[str, str] = {
    "symmetric": (
        "0106676f6c64656e48e2f5d0a8a072085cc57980133e49d77897b17c69bed698310acd5531d384901b810d63097d3948586ec2ca0c9598"
        "688acdc567360d24b197770e777368e8f7419a600243133ed3ef"
    ),
    "public": "0206676f6c64656ec03acf0dd1d570de7f61db64d2d0a3c617cc3e981ccd1acc257a18e1",
    "symmetric, rotated": (
        "0306676f6c64656e32b75a801b30839996e4912941fe96e6b62610a887f06855d64fa9d9259ef1c8f486e2c639b58ba329837d061a53f0"
        "7089edbbec73faa4d42dae876578d0c96fbde0b3494ddb4dc86cc92510eec99b278075335198085cb4e653b630ab72ab1dd53da0977862"
        "ed54e78c36e4e48d45e2d85b0f271b623365ccb5148bdb993ca69b57f7797fe84e8aa07a9eb96b4d75f4a9a65ad9d4907f0713a527ea4d"
        "c8b482ad05f1f621c9e49d8095"
    ),
    "public, limited": "0406676f6c64656e6a8f83a97b1f989a5817a2be975a9a78426845668376bd6b64e15a57",
    "symmetric of a session": (
        "0506676f6c64656e0a16f7b67256466f3717889e132c32f71e7ed8f0e235c5a2a8bb857c2967935376cb0c0017d9c8947d3f13f50aaac4"
        "c75f73c6471142150892ecdde0bc9d71708330887c859a5fff87ac9d4fdf4e2addbe93cba797079b472cf2e27eec9577dbc8bbe1ddc6f7"
        "dc5b5e284212faaa4d93f750e1000e29dadf68951269b3b97385"
    ),
    "public of a session": "0606676f6c64656e400a1f2c3d96060d85ec81ec8038be0e7212f89551d22ed58a3b9d91",
    "bearer": (
        "0706676f6c64656e5e1aed0a070fe4cd3bd761dd02c119f2d32b339796a208f0e61287449898ca76cd038ef8a485e6c80c9406da912ed8"
        "096263d494e00231912fff6aa0086648de1b019c07302977c5414bbf2e6e082a5efefc87707bed71ccb9879c401737a62e3947f88f3dbb"
        "6e8e18a992bc5b2dc1af"
    ),
    "bearer of a session": (
        "0706676f6c64656e5456f0ab0d75f3f5c535a84484218a0beb0bf6c8faef6de4c8d764df58ed5137be233a44ff0d3fcad17112e48ce1f7"
        "cc68c1e436e0596fa6f3b5a9bb9cbd11e40efcd4d0266e715639e376d11801568f3c36187efd251c7c270e8b6967e6ed8f2f7c20a2c365"
        "cefba36db4ee56a04f46"
    ),
    "bearer, rotated": (
        "0706676f6c64656e495ce82903425075feaf41bfa778bdd69ba963f4d1357cc751e329e89e209ac1102ad87250d72c83a4b4c709fb0026"
        "f1429aa4bf4990d5f04bb9200750297593e9dd7e9ba6165244c0d2ba3e8f327d07322b0a6a51b23821adaa54115fb44aeeb29a4d638a76"
        "a5fb915092819c1a47b131e352e89e46863bcea01aaecc4f543df464ad2b3d3b1cabe8d45f501f830dfa5317279acac346447776"
    ),
}
GOLDEN_PRINCIPAL = (
    "0106676f6c64656e9c8a9e6bafc8d8f882e810f11beabd8fdfc56d8fa2417f4bee1f1575cd56bbc1108351dc295589c2d90ea7737eb668"
    "c30a1a287924ccf09be08a0a4d71c6c550b21e5a69b9c164a3cb8c5f6098e5b1585356d5"
)
GOLDEN_SESSION = (
    "0106676f6c64656e4ce1ae7e2dd2faab7541c302d32ed91e72a1bda560118d52369c9090492e9f760e66bba3ea4353650e4fb23cedac0f"
    "b6e1ba3e4b8bc9ee289613834865719578dd04ed44039bcba36647fc393c90c965b43eb4351437a27c363f5f77ca8309dbb2e663553dbb"
    "10d72c1d534964d762a6c88c91631035476b826e73e76faffc8984d93a21709da142a6a65814553089a8ac49292e2b514977ce0c6a929c"
    "a7c2da4a7ffa057a316579f486b37a2738fb180022da2723a8086b84d3dd4d654f876b0c3e876e0d4a2eb6a236e51544c1483d9e297408"
    "b3e590430f694246916f3fd8c842a7d97d7987dc10113761eab23e51e4f3f85987a854913246d094148dedb214263d1f5beaacd5ec3ee4"
    "e39b0fbb52da8b0e439297df230622adedf33e2e6f7eee360ff058ba78e1eda3e16f1c9332e9f291a1c5bc191a76cbabbe18189c6d0573"
    "30783ca588d8caf7063fe190797e368bb032"
)
PRINCIPAL = session_samples.principal("ádá/x", description="é", labels={"b": "ü", "a": '"'})
SESSION = session_samples.session(SESSION_ID, "ádá/x", client={"source_address": "::1"}, method="oidc:https://id.example")
FULL_HASHES = RefreshHashes(family=b"f" * 32, current=b"c" * 32, previous=b"p" * 32, request_id=b"r" * 32)


def unsealed(name: str) -> StoredKey:
    _, changes, _ = KINDS[name]
    version = 2 if "previous" in changes else 1
    token = b"t" * 32 if name == "symmetric of a session" else None
    return dataclasses.replace(samples.stored(**changes, secret_version=version, token=token), secret_version=version)


def made(name: str) -> StoredKey:
    return seal_key(KINDS[name][2], unsealed(name), CIPHER)


@pytest.mark.parametrize("name", KINDS)
def test_what_this_release_sealed_opens(name: str) -> None:
    envelope, _, secrets = KINDS[name]
    stored = dataclasses.replace(unsealed(name), sealed_secret=bytes.fromhex(GOLDEN[name]))
    assert stored.sealed_secret[0] == envelope == made(name).sealed_secret[0]
    assert open_secret(stored, CIPHER) == secrets
    key = open_key(stored, CIPHER)
    assert (key.kind, key.session_id) == (stored.record.kind, stored.record.session_id)


def test_every_envelope_has_a_golden_one() -> None:
    assert {envelope for envelope, _, _ in KINDS.values()} == set(ENVELOPES.values()) == VERSIONS


@pytest.mark.parametrize(("of", "taken_for"), list(itertools.permutations(KINDS, 2)))
def test_no_kind_passes_for_another(of: str, taken_for: str) -> None:
    """Nor with the other's envelope written in front of it."""
    sealed = made(of).sealed_secret
    other = unsealed(taken_for)
    for text in (sealed, bytes([KINDS[taken_for][0]]) + sealed[1:]):
        with pytest.raises(SealBroken):
            open_secret(dataclasses.replace(other, sealed_secret=text), CIPHER)


@pytest.mark.parametrize("name", [name for name, (envelope, _, _) in KINDS.items() if envelope >= 5])
def test_a_key_stays_with_its_session(name: str) -> None:
    stored = made(name)
    assert open_secret(stored, CIPHER)
    for session_id in {"", "BBCDEFGHIJKLMNOPQRSTUVWX", SESSION_ID} - {stored.record.session_id}:
        elsewhere = dataclasses.replace(stored, record=dataclasses.replace(stored.record, session_id=session_id))
        for envelope in VERSIONS:
            text = bytes([envelope]) + stored.sealed_secret[1:]
            with pytest.raises(SealBroken):
                open_secret(dataclasses.replace(elsewhere, sealed_secret=text), CIPHER)


@pytest.mark.parametrize("length", [0, 31, 33, 45])
def test_what_is_no_hash_is_no_bearer_token(length: int) -> None:
    with pytest.raises(SealBroken, match="too short"):
        open_key(seal_key(b"h" * length, unsealed("bearer"), CIPHER), CIPHER)


def test_the_hash_of_a_token_is_never_a_secret_to_sign_with() -> None:
    key = open_key(made("bearer, rotated"), CIPHER)
    assert (key.secret, key.bearer_sha256, key.kind) == (b"", HASH, KeyKind.BEARER)
    assert key.older is not None
    assert (key.older.secret, key.older.bearer_sha256) == (b"", b"p" * 32)


def test_principals_and_sessions_of_this_release_open() -> None:
    principal = dataclasses.replace(PRINCIPAL, seal=bytes.fromhex(GOLDEN_PRINCIPAL), newest=NOON)
    session = dataclasses.replace(SESSION, seal=bytes.fromhex(GOLDEN_SESSION), newest=NOON)
    assert open_principal(principal, CIPHER) == session_samples.PASSWORD_HASH
    assert open_session(session, CIPHER) == FULL_HASHES


def test_a_principal_is_no_session_and_neither_is_a_key() -> None:
    """All under one master key: names and what lies beside keep them apart."""
    principal = session_samples.principal("x", password_set=NOON)
    session = session_samples.session("x")
    seals = {
        "principal": seal_principal(principal, "hash", CIPHER).seal,
        "session": seal_session(session, FULL_HASHES, CIPHER).seal,
        "key": seal_key(SECRET, samples.stored("principal/acme/x", tenant="tenant"), CIPHER).sealed_secret,
    }
    for kind in ("session", "key"):
        with pytest.raises(SealBroken):
            open_principal(dataclasses.replace(principal, seal=seals[kind], newest=NOON), CIPHER)
    for kind in ("principal", "key"):
        with pytest.raises(SealBroken):
            open_session(dataclasses.replace(session, seal=seals[kind], newest=NOON), CIPHER)


@pytest.mark.parametrize(
    ("newest", "problem"),
    [(None, "knows nothing"), (NOON + dt.timedelta(hours=1), "put back"), (NOON - dt.timedelta(1), "gone")],
)
def test_the_trail_decides_too(newest: dt.datetime | None, problem: str) -> None:
    principal = dataclasses.replace(PRINCIPAL, seal=bytes.fromhex(GOLDEN_PRINCIPAL), newest=newest)
    session = dataclasses.replace(SESSION, seal=bytes.fromhex(GOLDEN_SESSION), newest=newest)
    with pytest.raises(SealBroken, match=re.escape(problem)):
        open_principal(principal, CIPHER)
    with pytest.raises(SealBroken, match=re.escape(problem)):
        open_session(session, CIPHER)
