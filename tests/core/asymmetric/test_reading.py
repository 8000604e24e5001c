"""Public keys in every form, and everything that is handed over by mistake or in malice."""

import base64
import datetime as dt
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, padding, rsa, x25519
from cryptography.x509.oid import NameOID

from counterseal.core import asymmetric
from counterseal.core.asymmetric import jwk, kinds
from counterseal.core.model import PublicKey
from tests.core.asymmetric import keys

read = asymmetric.read_public_key
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def ec_jwk(algorithm: str) -> dict[str, object]:
    loaded = serialization.load_der_public_key(keys.public_key(algorithm).spki)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    size = loaded.key_size // 8
    numbers = loaded.public_numbers()
    crv = {32: "P-256", 48: "P-384"}[size]
    return {"kty": "EC", "crv": crv, "x": b64url(numbers.x.to_bytes(size, "big")), "y": b64url(numbers.y.to_bytes(size, "big"))}


def okp_jwk() -> dict[str, object]:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(keys.public_key("ed25519").spki[-32:])}


def rsa_jwk() -> dict[str, object]:
    numbers = keys.rsa_key().public_key().public_numbers()
    return {"kty": "RSA", "n": b64url(numbers.n.to_bytes(256, "big")), "e": "AQAB"}


def text(members: dict[str, object]) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize("algorithm", sorted(asymmetric.ALGORITHMS))
def test_pem(algorithm: str) -> None:
    key = keys.public_key(algorithm)
    pem = keys.spki_pem(key)
    for form in (pem, b"\n" + pem, pem.rstrip(b"\n"), pem.replace(b"\n", b"\r\n"), pem + b" \n\n"):
        assert read(form, algorithm=algorithm) == key
    if not algorithm.startswith("rsa"):
        assert read(pem) == key


def test_pem_of_rsa_must_name_the_algorithm() -> None:
    with pytest.raises(ValueError, match=r"algorithm: an RSA key must name one of rsa-pss-sha512, rsa-v1_5-sha256"):
        read(keys.spki_pem(keys.public_key("rsa-pss-sha512")))


def test_pkcs1() -> None:
    pem = keys.rsa_key().public_key().public_bytes(PEM, PKCS1)
    assert read(pem, algorithm="rsa-v1_5-sha256") == keys.public_key("rsa-v1_5-sha256")
    body = base64.b64encode(b"\x30\x03\x02\x01\x05").decode()
    with pytest.raises(ValueError, match="no RSAPublicKey"):
        read(f"-----BEGIN RSA PUBLIC KEY-----\n{body}\n-----END RSA PUBLIC KEY-----\n".encode(), algorithm="rsa-v1_5-sha256")
    other = base64.b64encode(keys.public_key("ed25519").spki).decode()
    with pytest.raises(ValueError, match="no RSAPublicKey"):
        read(f"-----BEGIN RSA PUBLIC KEY-----\n{other}\n-----END RSA PUBLIC KEY-----\n".encode(), algorithm="rsa-v1_5-sha256")


def test_raw() -> None:
    ed = keys.public_key("ed25519")
    assert read(ed.spki[-32:]) == ed == read(ed.spki[-32:], algorithm="ed25519")
    for algorithm in ("ecdsa-p256-sha256", "ecdsa-p384-sha384"):
        key = keys.public_key(algorithm)
        loaded = serialization.load_der_public_key(key.spki)
        assert isinstance(loaded, ec.EllipticCurvePublicKey)
        for form in (serialization.PublicFormat.UncompressedPoint, serialization.PublicFormat.CompressedPoint):
            assert read(loaded.public_bytes(serialization.Encoding.X962, form)) == key


def test_jwk() -> None:
    assert read(text(okp_jwk())) == keys.public_key("ed25519")
    assert read(b" " + text({**okp_jwk(), "alg": "EdDSA", "use": "sig", "kid": "7"})) == keys.public_key("ed25519")
    for algorithm, name in (("ecdsa-p256-sha256", "ES256"), ("ecdsa-p384-sha384", "ES384")):
        assert read(text(ec_jwk(algorithm))) == keys.public_key(algorithm)
        assert read(text({**ec_jwk(algorithm), "alg": name, "key_ops": ["verify"]})) == keys.public_key(algorithm)
    for algorithm, name in (("rsa-pss-sha512", "PS512"), ("rsa-v1_5-sha256", "RS256")):
        assert read(text(rsa_jwk()), algorithm=algorithm) == keys.public_key(algorithm)
        assert read(text({**rsa_jwk(), "alg": name})) == keys.public_key(algorithm)
    with pytest.raises(ValueError, match="must name one of"):
        read(text(rsa_jwk()))


@pytest.mark.parametrize("private", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_jwk_is_refused_without_quoting_it(private: str) -> None:
    with pytest.raises(ValueError, match="the JWK is private") as caught:
        read(text({**okp_jwk(), private: "c2VjcmV0LXNjYWxhcg"}))
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_a_private_pem_is_refused_wherever_it_stands(form: serialization.PrivateFormat) -> None:
    pem = keys.rsa_key().private_bytes(PEM, form, serialization.NoEncryption())
    for given in (pem, keys.spki_pem(keys.public_key("rsa-v1_5-sha256")) + pem):
        with pytest.raises(ValueError, match="this is a private key"):
            read(given, algorithm="rsa-v1_5-sha256")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alg": "ES256"}, "not made for ecdsa-p256-sha256"),
        ({"alg": "HS256"}, "the JWK's alg must be one of"),
        ({"alg": "none"}, "the JWK's alg must be one of"),
        ({"alg": 7}, "the JWK's alg must be a text"),
        ({"alg": "PS256"}, "the JWK's alg must be one of"),
        ({"use": "enc"}, "the JWK's use must be sig"),
        ({"key_ops": ["sign"]}, "the JWK's key_ops must hold verify"),
        ({"key_ops": "verify"}, "the JWK's key_ops must hold verify"),
        ({"crv": "X25519"}, "the JWK's crv must be Ed25519"),
        ({"crv": "Ed448"}, "the JWK's crv must be Ed25519"),
        ({"kty": "EC"}, "the JWK's crv must be P-256 or P-384"),
        ({"kty": "oct"}, "the JWK's kty must be OKP, EC or RSA"),
        ({"kty": None}, "the JWK's kty must be a text"),
        ({"kty": "RSA"}, "the JWK's n must be a text"),
        ({"x": ""}, "the JWK's x is no base64url"),
        ({"x": "AAAA"}, "the JWK's x must be 32 bytes"),
        ({"x": "A"}, "the JWK's x is no base64url"),
        ({"x": "+" * 43}, "the JWK's x is no base64url"),
        ({"x": b64url(b"\x01" * 32) + "="}, "the JWK's x is no base64url"),
        ({"x": b64url(b"\x01" * 32)[:-1] + "F"}, "the JWK's x is no base64url"),
        ({"x": "é" * 43}, "the JWK's x is no base64url"),
    ],
)
def test_jwk_members_are_read_exactly(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(text({**okp_jwk(), **changes}))


def test_jwk_and_the_algorithm_named_must_agree() -> None:
    with pytest.raises(ValueError, match="the JWK's alg is not the algorithm named"):
        read(text({**rsa_jwk(), "alg": "PS512"}), algorithm="rsa-v1_5-sha256")


def test_jwk_of_rsa_with_leading_zeros_or_an_impossible_exponent() -> None:
    numbers = keys.rsa_key().public_key().public_numbers()
    with pytest.raises(ValueError, match="must not begin with zero bytes"):
        read(text({**rsa_jwk(), "n": b64url(b"\x00" + numbers.n.to_bytes(256, "big"))}), algorithm="rsa-pss-sha512")
    with pytest.raises(ValueError, match="holds no RSA key"):
        read(text({**rsa_jwk(), "e": "Ag"}), algorithm="rsa-pss-sha512")


@pytest.mark.parametrize("given", [b"{", b'{"kty":}', b"{\xff}", b'{"a":' * 5000, b'{"a":"b"} x'])
def test_no_json(given: bytes) -> None:
    with pytest.raises(ValueError, match=r"no JSON object|1 to 16384"):
        read(given)


def test_json_that_is_no_object_is_no_key() -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        jwk.read(b"[]")


def test_a_number_of_thousands_of_digits_is_no_json_here() -> None:
    """Python's own text about it would speak of Python."""
    with pytest.raises(ValueError, match=r"^public key: no JSON object$"):
        read(b'{"kty":"OKP","crv":"Ed25519","x":' + b"1" * 6000 + b"}")


def test_a_repeated_member_is_refused() -> None:
    with pytest.raises(ValueError, match="given twice"):
        read(b'{"kty":"OKP","kty":"OKP","crv":"Ed25519","x":"AAAA"}')


def test_what_is_no_public_key() -> None:
    for given in (b"", b"x" * 20_000):
        with pytest.raises(ValueError, match="1 to 16384 bytes"):
            read(given)
    der = keys.pkcs8(keys.rsa_key(), DER)
    for given in (b"hello", keys.public_key("ed25519").spki, der, b"\x04" * 64, b"\x05" * 65):
        with pytest.raises(ValueError, match="neither PEM"):
            read(given)


def test_one_pem_block_and_nothing_else() -> None:
    pem = keys.spki_pem(keys.public_key("ed25519"))
    other = pem.replace(b"PUBLIC KEY", b"SSH2 PUBLIC KEY")
    for given in (pem + pem, b"x" + pem, pem + b"x", pem.replace(b"END PUBLIC", b"END OTHER"), pem.replace(b"\n", b"")):
        with pytest.raises(ValueError, match="one PEM block"):
            read(given)
    with pytest.raises(ValueError, match="the PEM label must be"):
        read(other)


@pytest.mark.parametrize(
    ("body", "message"), [(b"AAA", "no base64"), (b"AAB=", "canonical"), (b"AAAA", "no SubjectPublicKeyInfo")]
)
def test_pem_bodies(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n")


def test_a_certificate_is_not_a_key() -> None:
    key = keys.rsa_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = builder.not_valid_before(day).not_valid_after(day).sign(key, hashes.SHA256())
    with pytest.raises(ValueError, match="of a certificate, give the key in it"):
        read(certificate.public_bytes(PEM), algorithm="rsa-v1_5-sha256")


@pytest.mark.parametrize(
    "public",
    [
        x25519.X25519PrivateKey.from_private_bytes(b"\x01" * 32).public_key(),
        ed448.Ed448PrivateKey.from_private_bytes(b"\x01" * 57).public_key(),
        dsa.generate_private_key(1024).public_key(),
    ],
)
def test_kinds_that_sign_nothing_here(public: dsa.DSAPublicKey | ed448.Ed448PublicKey | x25519.X25519PublicKey) -> None:
    with pytest.raises(ValueError, match="must be Ed25519, ECDSA on P-256 or P-384, or RSA"):
        read(public.public_bytes(PEM, SPKI))


def test_another_curve() -> None:
    public = ec.derive_private_key(5, ec.SECP521R1()).public_key()
    with pytest.raises(ValueError, match="must be Ed25519, ECDSA on P-256 or P-384, or RSA"):
        read(public.public_bytes(PEM, SPKI))


@pytest.mark.parametrize("algorithm", sorted(asymmetric.ALGORITHMS))
def test_a_key_is_made_for_its_own_algorithm_alone(algorithm: str) -> None:
    pem = keys.spki_pem(keys.public_key(algorithm))
    for other in asymmetric.ALGORITHMS - {algorithm} - (kinds.RSA if algorithm in kinds.RSA else frozenset()):
        with pytest.raises(ValueError, match=f"not made for {other}"):
            read(pem, algorithm=other)


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "ED25519", "rsa-sha256", "none"])
def test_unknown_algorithms(algorithm: str) -> None:
    with pytest.raises(ValueError, match="algorithm: must be one of"):
        read(keys.spki_pem(keys.public_key("ed25519")), algorithm=algorithm)


def _rsa_pem(modulus: int, exponent: int) -> bytes:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key().public_bytes(PEM, SPKI)


@pytest.mark.parametrize(
    ("modulus", "exponent", "message"),
    [
        (2**2047 - 1, 65537, "2048 to 8192 bits"),
        (2**8192 + 1, 65537, "2048 to 8192 bits"),
        (2**2048 - 1, 3, "exponent must be odd"),
        (2**2048 - 1, 65535, "exponent must be odd"),
        (2**2048 - 1, 2**64 + 1, "exponent must be odd"),
        (2**2048 - 2, 65537, "modulus must be odd"),
    ],
)
def test_weak_rsa_keys(modulus: int, exponent: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(_rsa_pem(modulus, exponent), algorithm="rsa-v1_5-sha256")


def test_the_bounds_of_rsa_are_allowed() -> None:
    for modulus, exponent in ((2**2047 + 1, 65537), (2**8192 - 1, 2**64 - 1)):
        assert read(_rsa_pem(modulus, exponent), algorithm="rsa-v1_5-sha256").algorithm == "rsa-v1_5-sha256"


def _pss_pem(algorithm_identifier: str) -> bytes:
    inner = keys.public_key("rsa-v1_5-sha256").spki[19:]
    body = bytes.fromhex(algorithm_identifier) + inner
    der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"


def test_a_key_for_pss_alone() -> None:
    pem = _pss_pem("300b06092a864886f70d01010a")
    assert read(pem) == keys.public_key("rsa-pss-sha512") == read(pem, algorithm="rsa-pss-sha512")
    with pytest.raises(ValueError, match="made for RSASSA-PSS, not for rsa-v1_5-sha256"):
        read(pem, algorithm="rsa-v1_5-sha256")
    with pytest.raises(ValueError, match="parameters are not supported"):
        read(_pss_pem("300d06092a864886f70d01010a3000"))


# RFC 8032's field: the encodings of small order, canonical and not, and a y that no x belongs to.
_P = 2**255 - 19
_SMALL = sorted(kinds._SMALL_ORDER)


@pytest.mark.parametrize("sign", [0, 2**255])
@pytest.mark.parametrize("y", _SMALL)
def test_points_of_small_order(y: int, sign: int) -> None:
    with pytest.raises(ValueError, match="of small order"):
        read((y | sign).to_bytes(32, "little"))


@pytest.mark.parametrize("y", [_P, _P + 1, _P + 2, 2**255 - 1])
def test_points_in_a_second_encoding(y: int) -> None:
    with pytest.raises(ValueError, match="not in its one encoding"):
        read(y.to_bytes(32, "little"))


def test_the_points_of_order_eight_are_what_they_are_said_to_be() -> None:
    d = -121665 * pow(121666, -1, _P) % _P
    assert (d * kinds._Y8**4 + 2 * kinds._Y8**2 - 1) % _P == 0


def test_points_off_the_curve() -> None:
    with pytest.raises(ValueError, match="Ed25519 point is not on the curve"):
        read((2).to_bytes(32, "little"))
    for raw in (b"\x04" + b"\x01" * 64, b"\x02" + b"\xff" * 32, b"\x04" + b"\x00" * 96):
        with pytest.raises(ValueError, match="the point is not on its curve"):
            read(raw)
    with pytest.raises(ValueError, match="the point is not on its curve"):
        read(text({**ec_jwk("ecdsa-p256-sha256"), "x": b64url(b"\x01" * 32)}))
    infinity = bytes.fromhex("3019301306072a8648ce3d020106082a8648ce3d030107030200") + b"\x00"
    with pytest.raises(ValueError, match="public key"):
        read(b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(infinity) + b"-----END PUBLIC KEY-----\n")


def test_a_stored_key_is_checked_again_and_a_damaged_one_verifies_nothing() -> None:
    weak = keys.rsa_key(1024)
    signature = weak.sign(b"m", padding.PKCS1v15(), hashes.SHA256())
    assert len(signature) == 128
    for damaged in (
        PublicKey(algorithm="none", spki=keys.public_key("ed25519").spki),
        PublicKey(algorithm="ed25519", spki=b""),
        PublicKey(algorithm="ed25519", spki=keys.public_key("ecdsa-p256-sha256").spki),
        PublicKey(algorithm="rsa-v1_5-sha256", spki=weak.public_key().public_bytes(DER, SPKI)),
    ):
        assert not asymmetric.verify(damaged, signature, b"m")
