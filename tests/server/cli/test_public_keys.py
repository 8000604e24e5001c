"""Public keys and schemes on a running server: registered, shown, used; and a private key that never leaves."""

import base64
import json
from pathlib import Path

import pytest

from counterseal.core.asymmetric import public_of
from counterseal.core.schemes import BUILT_IN
from tests.core.conformance.keys import private_key
from tests.server.cli.shell import Cli, issue

SPKI = public_of(private_key("ed25519", 1)).spki
PEM = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(SPKI) + b"\n-----END PUBLIC KEY-----\n"
JWK = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(SPKI[-32:]).decode().rstrip("=")}
RSA = public_of(private_key("rsa-pss-sha512", 1), "rsa-pss-sha512").spki
RSA_PEM = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(RSA) + b"-----END PUBLIC KEY-----\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "public"
    path.write_bytes(PEM)
    return path


@pytest.mark.parametrize("content", [PEM, json.dumps(JWK).encode(), SPKI[-32:]], ids=["pem", "jwk", "raw"])
def test_a_public_key_of_any_form_is_registered(cli: Cli, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    algorithm = ("--algorithm", "ed25519")
    registered = cli("keys", "issue", "--public-key", str(file), *algorithm, "--json")
    assert registered.code == 0, registered.err
    key = registered.json()["key"]
    assert (key["kind"], key["algorithm"], key["allowed_schemes"]) == ("PUBLIC", "ed25519", ["rfc9421"])
    assert key["public_key_pem"].encode() == PEM
    assert registered.json()["secret"] == ""
    assert "The secret" not in registered.err


def test_it_is_shown_to_people(cli: Cli, file: Path) -> None:
    registered = cli("keys", "issue", "--public-key", str(file), "--key-id", "SHOWN0001")
    assert registered.code == 0, registered.err
    shown = cli("keys", "get", "SHOWN0001").out
    for out in (registered.out, shown):
        fields = dict(line.split(None, 1) for line in out.splitlines() if line.startswith(("kind", "algorithm")))
        assert fields == {"kind": "public", "algorithm": "ed25519"}
        assert out.endswith(PEM.decode())
    symmetric = cli("keys", "get", issue(cli).key_id).out
    assert "symmetric" in symmetric
    assert "PUBLIC KEY" not in symmetric


def test_rsa_needs_its_algorithm(cli: Cli, file: Path) -> None:
    file.write_bytes(RSA_PEM)
    refused = cli("keys", "issue", "--public-key", str(file))
    assert refused.code == 2, refused.err
    registered = cli("keys", "issue", "--public-key", str(file), "--algorithm", "rsa-pss-sha512", "--json")
    assert registered.json()["key"]["algorithm"] == "rsa-pss-sha512"


def test_what_the_private_half_signs_verifies(cli: Cli, file: Path, tmp_path: Path) -> None:
    private = tmp_path / "private.der"
    private.write_bytes(private_key("ed25519", 1))
    assert cli("keys", "issue", "--public-key", str(file), "--key-id", "PAIR00001").code == 0
    args = ("--scheme", "rfc9421", "--key-id", "PAIR00001", "--private-key-file", str(private))
    signed = cli("sign", *args, "-X", "POST", "--url", "https://h.example/a?b=1", "-d", "body", "--raw")
    assert signed.code == 0, signed.err
    verified = cli("verify", "-", "--json", stdin=signed.raw).json()
    assert (verified["verdict"], verified["scheme"], verified["key_id"]) == ("verified", "rfc9421", "PAIR00001")
    assert '"@method"' in verified["coverage"]["components"]
    assert '"@method"' in cli("verify", "-", stdin=signed.raw).out
    assert cli("verify", "-", stdin=signed.raw.replace(b"b=1", b"b=2")).code == 1


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        PEM + b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        json.dumps(JWK | {"d": "AAAA"}).encode(),
        json.dumps({"kty": "oct", "k": "AAAA"}).encode(),
    ],
)
def test_a_private_key_is_not_sent(lonely: Cli, file: Path, content: bytes) -> None:
    """There is no server to answer: the command ends before it looks for one."""
    file.write_bytes(content)
    refused = lonely("keys", "issue", "--public-key", str(file))
    assert refused.code == 2
    assert "holds a private key" in refused.err


@pytest.mark.parametrize(
    "content", [b"", b"{", b"x" * 31, PEM[:40], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_public_key_is_refused_by_the_server(cli: Cli, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    refused = cli("keys", "issue", "--public-key", str(file))
    assert refused.code == 2, refused.err
    assert refused.out == ""


@pytest.mark.parametrize(
    "args",
    [
        ("--algorithm", "ed25519"),
        ("--key-id", "KEY000001"),
        ("--public-key", "/nonexistent"),
        ("--public-key", "FILE", "--format", "aws-env"),
        ("--public-key", "LARGE"),
    ],
)
def test_usage_errors(lonely: Cli, file: Path, tmp_path: Path, args: tuple[str, ...]) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(16 * 1024 + 1))
    given = [arg.replace("FILE", str(file)).replace("LARGE", str(large)) for arg in args]
    refused = lonely("keys", "issue", *given)
    assert refused.code == 2
    assert "Error: " in refused.err


def test_the_schemes_of_a_server(cli: Cli) -> None:
    listed = {scheme["name"]: scheme for scheme in cli("schemes", "--json").json()["schemes"]}
    assert set(BUILT_IN) <= set(listed)
    assert listed["aws-sigv4"]["enabled"]
    assert listed["rfc9421"]["key_kinds"] == ["SYMMETRIC", "PUBLIC"]
    assert not listed["aws-sigv2"]["enabled"]
    assert listed["aws-sigv2"]["weakness"]
    assert (listed["github"]["names_key"], listed["github"]["timeless"]) == (False, True)
    table = cli("schemes").out.splitlines()
    assert table[0].split() == ["SCHEME", "ENABLED", "KEYS", "NAMES", "KEY", "STATES", "TIME", "TITLE", "WEAKNESS"]
    (line,) = [line.split() for line in table if line.startswith("rfc9421")]
    assert line[1:5] == ["yes", "symmetric,public", "yes", "yes"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), 0),
        (("--key-id", "KEYID"), 0),
        (("--key-id", "ANOTHERKEY1"), 1),
        (("--label", "sig1"), 0),
        (("--label", "other"), 1),
        (("--tag", "app"), 0),
        (("--tag", "other"), 1),
        (("--require", "@method", "--require", '"x-other";bs'), 1),
        (("--require", '"@query-param";name="b"'), 0),  # of the whole query, which is covered
        (("--require", "@method", "--require", "@query"), 0),
        (("--require-scheme", "aws-sigv4"), 1),
        (("--http-scheme", "https"), 0),
    ],
)
def test_demands_of_rfc9421(cli: Cli, args: tuple[str, ...], code: int) -> None:
    key = issue(cli, "--scheme", "rfc9421")
    signed = cli("sign", "--scheme", "rfc9421", "--url", "https://h/a?b=1", "--option", "tag=app", "--raw", env=key.env)
    found = cli("verify", "-", *(arg.replace("KEYID", key.key_id) for arg in args), stdin=signed.raw)
    assert found.code == code, found.out + found.err
