"""One change in a request that verifies: algorithms, kinds of key, time."""

import base64
import hmac
from dataclasses import replace

import pytest

from counterseal.core.http import read_request
from counterseal.core.model import Demand, KeyKind, Reason, Verified
from counterseal.core.schemes.cavage import CAVAGE, Cavage
from tests.core.asymmetric import keys
from tests.core.cavage import world
from tests.core.cavage.refusing import AUTHORIZATION, all_schemes, hmac_signed, refused
from tests.core.cavage.world import added, changed, judge, sign, without

# Algorithms and kinds of key.


@pytest.mark.parametrize(
    "name", ["rsa-sha1", "hmac-sha1", "md5", "none", "HS2019", "hmac", "rsa-sha512", "ecdsa-sha384", "dsa-sha1", "hmac-sha256 "]
)
@all_schemes
def test_unknown_and_broken_algorithms(scheme: Cavage, name: str) -> None:
    refused(changed(hmac_signed(scheme), AUTHORIZATION, b"hmac-sha256", name.encode()), Reason.UNSUPPORTED_SCHEME)


@pytest.mark.parametrize("algorithm", ["rsa-v1_5-sha256", "ecdsa-p256-sha256", "ed25519"])
def test_a_public_key_is_no_hmac_secret(algorithm: str) -> None:
    # CVE-2022-29217: whatever spelling of the public key the attacker signs with.
    key = world.public_key(algorithm)
    assert key.public_key is not None
    pem = keys.spki_pem(key.public_key)
    for secret in (pem, pem.strip(), key.public_key.spki, key.public_key.spki[-32:], b"\x00" * 16):
        attacker = replace(world.credentials(), secret=secret)
        for options in ({"algorithm": "hmac-sha256"}, {"algorithm": "hs2019"}):
            headers = "(request-target) date host digest"
            refused(sign(CAVAGE, world.POST, attacker, headers=headers, **options), Reason.MISMATCH, key=key)


def test_a_named_algorithm_is_the_keys_own() -> None:
    names = {"rsa-v1_5-sha256": b"rsa-sha256", "ecdsa-p256-sha256": b"ecdsa-sha256", "ed25519": b"ed25519"}
    for algorithm, own in names.items():
        headers = "(request-target) date host digest"
        signed = sign(CAVAGE, world.POST, world.credentials(algorithm), algorithm=own.decode(), headers=headers)
        assert isinstance(judge(signed, world.public_key(algorithm)), Verified)
        for name in (*names.values(), b"hmac-sha256", b"hmac-sha512"):
            if name != own:
                other = changed(signed, AUTHORIZATION, b'algorithm="' + own, b'algorithm="' + name)
                refused(other, Reason.MISMATCH, key=world.public_key(algorithm))
        # A key of the kind that the message names, and not the one that signed.
        refused(signed, Reason.MISMATCH)


def test_hs2019_and_no_name_leave_it_to_the_key() -> None:
    for algorithm in ("rsa-pss-sha512", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519"):
        signed = sign(CAVAGE, world.POST, world.credentials(algorithm), algorithm="hs2019")
        unnamed = changed(signed, AUTHORIZATION, b'algorithm="hs2019",', b"")
        for request in (signed, unnamed):
            assert isinstance(judge(request, world.public_key(algorithm)), Verified)
            refused(request, Reason.MISMATCH)
    # PKCS #1 v1.5 and PSS are two keys, even over one modulus.
    signed = sign(CAVAGE, world.POST, world.credentials("rsa-pss-sha512"), algorithm="hs2019")
    refused(signed, Reason.MISMATCH, key=world.public_key("rsa-v1_5-sha256"))


def test_hs2019_with_a_secret_is_sha512_alone() -> None:
    signed = sign(CAVAGE, world.POST)
    found = CAVAGE.read(read_request(signed), Demand())
    (string,) = found.strings
    assert found.signature == hmac.digest(world.SECRET, string, "sha512")
    other = base64.b64encode(hmac.digest(world.SECRET, string, "sha256"))
    refused(changed(signed, AUTHORIZATION, base64.b64encode(found.signature), other), Reason.MISMATCH)


@all_schemes
def test_kinds_never_cross(scheme: Cavage) -> None:
    key = world.public_key("ed25519")
    expected = Reason.MISMATCH if KeyKind.PUBLIC in scheme.key_kinds else Reason.UNSUPPORTED_SCHEME
    refused(sign(scheme, world.POST), expected, key=key)


@pytest.mark.parametrize("secret", [b"", b"short", b"\x00" * 32])
@all_schemes
def test_no_secret_or_a_short_one_never_verifies(scheme: Cavage, secret: bytes) -> None:
    attacker = replace(world.credentials(), secret=secret or b"\x00")
    refused(sign(scheme, world.POST, attacker), Reason.MISMATCH, key=world.symmetric_key(secret))


@all_schemes
def test_an_unknown_key(scheme: Cavage) -> None:
    refused(sign(scheme, world.POST), Reason.UNKNOWN_KEY, unknown=True)
    for algorithm in ("ed25519", "ecdsa-p256-sha256"):
        if KeyKind.PUBLIC in scheme.key_kinds:
            signed = sign(scheme, world.POST, world.credentials(algorithm))
            refused(signed, Reason.UNKNOWN_KEY, unknown=True)
    if KeyKind.PUBLIC in scheme.key_kinds:
        rsa = sign(scheme, world.POST, world.credentials("rsa-v1_5-sha256"), algorithm="rsa-sha256")
        refused(rsa, Reason.UNKNOWN_KEY, unknown=True)


# Time.


@pytest.mark.parametrize(("offset", "reason"), [(-900, None), (900, None), (-901, Reason.TOO_NEW), (901, Reason.TOO_OLD)])
@all_schemes
def test_the_window(scheme: Cavage, offset: int, reason: Reason | None) -> None:
    for request in (sign(scheme, world.POST), hmac_signed(scheme)):
        if reason is None:
            assert isinstance(judge(request, now=world.NOW + offset), Verified)
        else:
            refused(request, reason, now=world.NOW + offset)


def test_an_end_only_shortens() -> None:
    signed = sign(CAVAGE, world.POST, expires="60")
    assert isinstance(judge(signed, now=world.NOW + 60), Verified)
    refused(signed, Reason.TOO_OLD, now=world.NOW + 61)
    longer = sign(CAVAGE, world.POST, expires="100000")
    refused(longer, Reason.TOO_OLD, now=world.NOW + 901)
    refused(changed(signed, AUTHORIZATION, b"expires=1790000060", b"expires=1790009999"), Reason.MISMATCH)
    refused(changed(signed, AUTHORIZATION, b"expires=1790000060,", b""), Reason.MALFORMED)
    for text in (b"1790000060.", b".5", b"1.2.3", b"1e9", b"", b"-1"):
        refused(changed(signed, AUTHORIZATION, b"expires=1790000060", b"expires=" + text), Reason.MALFORMED)


def test_an_end_with_decimals_is_signed_as_written() -> None:
    # Section 2.1.5 allows them; here they are cut off, which only shortens.
    signed = sign(CAVAGE, world.POST, headers="(request-target) (created) host digest")
    later = changed(signed, AUTHORIZATION, b"created=", b"expires=1790000030.75,created=")
    assert isinstance(judge(later, now=world.NOW + 30), Verified)
    refused(later, Reason.TOO_OLD, now=world.NOW + 31)


@pytest.mark.parametrize("name", ["rsa-sha256", "ecdsa-sha256"])
def test_times_in_the_parameters_are_errors_with_older_names(name: str) -> None:
    # Sections 2.3.1.2 and 2.3.1.3. The algorithm is changed only in its name, which hs2019 leaves to the key.
    algorithm = {"rsa-sha256": "rsa-v1_5-sha256", "ecdsa-sha256": "ecdsa-p256-sha256"}[name]
    signed = sign(CAVAGE, world.POST, world.credentials("ecdsa-p256-sha256"), algorithm="hs2019")
    other = changed(signed, AUTHORIZATION, b"hs2019", name.encode())
    refused(other, Reason.MALFORMED, key=world.public_key(algorithm))
    with pytest.raises(ValueError, match="must not be listed"):
        sign(CAVAGE, world.POST, algorithm="hmac-sha256", headers="(request-target) (created) host digest")


@all_schemes
def test_no_time_at_all(scheme: Cavage) -> None:
    target = next(iter(scheme.dialect.targets))
    signed = hmac_signed(scheme)
    bare = without(changed(signed, AUTHORIZATION, b" date", b""), b"date")
    assert target in world.field(bare, AUTHORIZATION)
    refused(bare, Reason.MALFORMED)
    refused(changed(signed, AUTHORIZATION, b" date", b""), Reason.NOT_COVERED)


@all_schemes
def test_an_unsigned_time_is_never_the_one_used(scheme: Cavage) -> None:
    # X-Date goes before Date in one dialect, and after it in another: the signed one counts in both.
    for own, other in (("date", b"x-date"), ("x-date", b"date")):
        target = next(iter(scheme.dialect.targets)).decode()
        signed = hmac_signed(scheme, headers=f"{target} {own} host digest")
        stale = added(signed, (other, b"Mon, 21 Sep 2020 14:13:20 GMT"))
        found = judge(stale)
        assert isinstance(found, Verified)
        assert found.signed_time == world.NOW


@pytest.mark.parametrize(
    "stated",
    [
        b"",
        b"Mon, 21 Sep 2026 14:13:20 +0000",
        b"Tue, 21 Sep 2026 14:13:20 GMT",
        b"2026-09-21T14:13:20Z",
        b"1790000000",
        b"Mon, 21 sep 2026 14:13:20 GMT",
    ],
)
@all_schemes
def test_dates_are_read_exactly(scheme: Cavage, stated: bytes) -> None:
    refused(changed(hmac_signed(scheme), b"date", world.DATE, stated), Reason.MALFORMED)


def test_an_unsigned_created_says_nothing() -> None:
    signed = hmac_signed(CAVAGE)
    found = judge(changed(signed, AUTHORIZATION, b'keyId="', b'created=1,keyId="'))
    assert isinstance(found, Verified)
    assert found.signed_time == world.NOW
