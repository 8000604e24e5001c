"""A failure costs what the request states, whoever's key it was and whether there is one."""

import base64
import hmac
from dataclasses import replace

import pytest

from counterseal.core import asymmetric
from counterseal.core.model import Claim, Demand, HttpRequest, Key, PublicKey, Reason, Rejected, Verified, Window
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG, Cavage, from_options
from counterseal.core.verify import conclude, examine
from tests.core.cavage import world
from tests.core.cavage.world import changed, field, sign

PUBLIC = ("ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256")
AUTHORIZATION = b"authorization"
# Names on the wire, and what they stand for.
NAMED = {
    "hmac-sha256": ["hmac:sha256"],
    "hmac-sha512": ["hmac:sha512"],
    "rsa-sha256": ["rsa-v1_5-sha256"],
    "ecdsa-sha256": ["ecdsa-p256-sha256"],
    "ed25519": ["ed25519"],
    "ed25519-sha512": ["ed25519"],
}
# hs2019, or no name: by the bytes of the signature.
BY_LENGTH = {
    **{length: ["ecdsa-p256-sha256"] for length in (1, 20, 32, 63, 65, 70, 71, 72)},
    64: ["ed25519", "hmac:sha512"],
    **{length: ["ecdsa-p384-sha384"] for length in (73, 102, 103, 104)},
    **{length: ["rsa-pss-sha512", "rsa-v1_5-sha256"] for length in (105, 256, 384, 512, 1024)},
}
LINE = from_options("acme", {"dialect": "kong", "algorithms": ["hmac-sha256", "hmac-sha1"]})


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was computed, in order: a public key's algorithm, or a hash for HMAC, and the length of the text."""
    found: list[str] = []
    real_verify, real_digest = asymmetric.verify, hmac.digest

    def verify(key: PublicKey, signature: bytes, message: bytes, *, form: str) -> bool:
        found.append(f"{key.algorithm} {len(message)}")
        return real_verify(key, signature, message, form=form)

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        found.append(f"hmac:{name} {len(message)}")
        return real_digest(key, message, name)

    monkeypatch.setattr(asymmetric, "verify", verify)
    monkeypatch.setattr(hmac, "digest", digest)
    return found


def known() -> dict[str, Key | None]:
    """Every key that a stranger may ask for, none among them."""
    own = world.symmetric_key(b"another secret of enough bytes..")
    keys: dict[str, Key | None] = {"unknown": None, "secret": own, "empty": replace(own, secret=b"")}
    keys |= {algorithm: world.public_key(algorithm) for algorithm in PUBLIC}
    barred = {
        f"{name}, not for this scheme": replace(key, allowed_schemes=frozenset({"other"})) for name, key in keys.items() if key
    }
    return keys | barred


def costs(request: HttpRequest, scheme: Cavage, computed: list[str]) -> set[tuple[str, ...]]:
    """Return what was computed, for each key; one entry where it was the same for all."""
    schemes, window = {scheme.name: scheme}, Window()
    claim = examine(request, Demand(), schemes=schemes, window=window, now=world.NOW)
    assert isinstance(claim, Claim), claim
    found = set()
    for name, key in known().items():
        computed.clear()
        verdict = conclude(claim, request, key, Demand(), schemes=schemes, window=window, now=world.NOW)
        assert isinstance(verdict, Rejected), name
        expected = (
            Reason.UNKNOWN_KEY
            if key is None
            else Reason.UNSUPPORTED_SCHEME
            if scheme.name not in key.allowed_schemes or key.kind not in scheme.key_kinds
            else Reason.MISMATCH
        )
        assert verdict.reason is expected, name
        found.add(tuple(sorted(computed)))
    return found


def forged(name: str, length: int) -> HttpRequest:
    """Return a request with a signature of so many bytes, by nobody."""
    request = sign(CAVAGE, world.POST, algorithm="hs2019", headers="(request-target) host date digest")
    text = field(request, AUTHORIZATION)
    start = text.index(b'signature="')
    request = changed(request, AUTHORIZATION, text[start:], b'signature="%s"' % base64.b64encode(b"\x01" * length))
    wanted = f'algorithm="{name}",'.encode() if name else b""
    return changed(request, AUTHORIZATION, b'algorithm="hs2019",', wanted)


def without_lengths(found: set[tuple[str, ...]]) -> list[str]:
    (only,) = found
    return [entry.partition(" ")[0] for entry in only]


def twice(once: list[str]) -> list[str]:
    """What does not match is computed with the secret before as well, or with the dummy where there is none."""
    return sorted(once * 2)


@pytest.mark.parametrize("length", [20, 32, 64, 70, 102, 256])
@pytest.mark.parametrize("name", NAMED)
def test_a_named_algorithm_is_computed_and_no_other(name: str, length: int, computed: list[str]) -> None:
    assert without_lengths(costs(forged(name, length), CAVAGE, computed)) == twice(NAMED[name])


@pytest.mark.parametrize("length", BY_LENGTH)
@pytest.mark.parametrize("name", ["hs2019", ""])
def test_without_a_name_the_length_tells(name: str, length: int, computed: list[str]) -> None:
    assert without_lengths(costs(forged(name, length), CAVAGE, computed)) == twice(BY_LENGTH[length])


@pytest.mark.parametrize("scheme", [CAVAGE_KONG, CAVAGE_APISIX, LINE], ids=lambda scheme: scheme.name)
def test_the_plugins_know_secrets_alone(scheme: Cavage, computed: list[str]) -> None:
    request = sign(scheme, world.POST)
    assert without_lengths(costs(request, scheme, computed)) == twice(["hmac:sha256"])


def test_both_strings_are_tried_for_every_key(computed: list[str]) -> None:
    request = sign(LINE, world.POST, headers="request-line host date digest")
    assert without_lengths(costs(request, LINE, computed)) == twice(["hmac:sha256", "hmac:sha256"])


# What signs, and under which name. RSA signs as PSS where the name is hs2019.
SIGNERS = [
    ("", "hmac-sha256"),
    ("", "hmac-sha512"),
    ("ed25519", "ed25519"),
    ("ecdsa-p256-sha256", "ecdsa-sha256"),
    ("rsa-v1_5-sha256", "rsa-sha256"),
    *((algorithm, "hs2019") for algorithm in ("", *PUBLIC) if algorithm != "rsa-v1_5-sha256"),
]


@pytest.mark.parametrize(("algorithm", "name"), SIGNERS)
def test_what_verifies_costs_one_computation(algorithm: str, name: str, computed: list[str]) -> None:
    """Forty signatures each: ECDSA's differ in length."""
    key = world.public_key(algorithm) if algorithm else world.symmetric_key()
    for number in range(40):
        request = replace(world.POST, target=b"/%d" % number)
        signed = sign(
            CAVAGE, request, world.credentials(algorithm), algorithm=name, headers="(request-target) host date digest"
        )
        computed.clear()
        assert isinstance(world.judge(signed, key), Verified)
        assert len(computed) == 1
