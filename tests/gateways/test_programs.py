"""What else the clients do: large uploads in parts, deletions, https, and what curl needs to be told."""

import contextlib
import datetime
import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateways.clients import (
    BODY,
    BUCKET,
    EMPTY_SHA256,
    KEY,
    PATH,
    ClientFailed,
    Where,
    aws,
    awscli,
    curl,
    fetch,
    rclone,
    s3cmd,
)
from tests.gateways.tamper import CHANGES, Proxy
from tests.gateways.world import Credentials, World, running_gateway

LARGE = bytes(range(256)) * 48_000  # 12 MB: three parts


@pytest.fixture
def where(proxy: Proxy, credentials: Credentials, tmp_path: Path) -> Where:
    (tmp_path / "large").write_bytes(LARGE)
    return Where(proxy.endpoint, credentials, tmp_path)


def stored(moto: str, credentials: Credentials, key: str) -> bytes:
    body: bytes = aws("s3", Where(moto, credentials, Path())).get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return body


RCLONE_PARTS = ("--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", "--s3-no-head")


def test_rclone_in_parts(where: Where, moto: str, credentials: Credentials) -> None:
    rclone(where, *RCLONE_PARTS, "copyto", "large", f"x:{BUCKET}/rclone large+ü")
    assert stored(moto, credentials, "rclone large+ü") == LARGE
    rclone(where, "deletefile", f"x:{BUCKET}/rclone large+ü")
    assert "large" not in rclone(where, "lsf", "-R", f"x:{BUCKET}").decode()


def test_rclone_signs_the_bodies_of_parts(where: Where, proxy: Proxy) -> None:
    proxy.chosen = lambda raw: b"partNumber=2" in raw.target
    proxy.change = CHANGES["body"]
    with pytest.raises(ClientFailed):
        rclone(where, *RCLONE_PARTS, "copyto", "large", f"x:{BUCKET}/rclone-bad")
    assert set(proxy.tampered) == {400}


def test_rclone_leaves_single_bodies_unsigned(where: Where, proxy: Proxy, world: World) -> None:
    """The reason why test_one_byte.py changes no body of `rclone put`: nothing covers it, and the gateway says so upstream."""
    rclone(where, "copyto", "body", f"x:{BUCKET}/single", "--s3-no-head")
    (put,) = [raw for raw in proxy.requests if raw.method == b"PUT"]
    assert put.header(b"x-amz-content-sha256") == b"UNSIGNED-PAYLOAD"
    told = [dict(request["headers"])["x-counterseal-payload"] for request in world.passed_on() if request["method"] == "PUT"]
    assert told == ["unsigned"]


def test_s3cmd_in_parts(where: Where, moto: str, credentials: Credentials) -> None:
    s3cmd(where, "--multipart-chunk-size-mb=5", "put", "large", f"s3://{BUCKET}/s3cmd large+ü")
    assert stored(moto, credentials, "s3cmd large+ü") == LARGE
    s3cmd(where, "del", f"s3://{BUCKET}/s3cmd large+ü")
    s3cmd(where, "get", f"s3://{BUCKET}/{KEY}", "got")
    assert (where.folder / "got").read_bytes() == BODY


def test_awscli_in_parts(where: Where, moto: str, credentials: Credentials) -> None:
    awscli(where, "s3", "cp", "--quiet", "large", f"s3://{BUCKET}/aws large+ü")
    assert stored(moto, credentials, "aws large+ü") == LARGE
    awscli(where, "s3", "rm", "--recursive", f"s3://{BUCKET}/aws")


@pytest.mark.parametrize(("config", "code"), [({}, 400), ({"signature_version": "s3v4"}, 200)])
def test_boto3_presigns_with_version_4_when_asked(where: Where, config: dict[str, str], code: int, proxy: Proxy) -> None:
    """In us-east-1 it would use version 2, which is not enabled here."""
    url = aws("s3", where, "us-east-1", **config).generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY})
    with contextlib.suppress(ClientFailed):
        fetch(url, "GET")
    assert proxy.plain == [code]


CURL_REFUSED = {
    "no x-amz-content-sha256, which S3 requires": (PATH, []),
    "a query that is not sorted": (f"/{BUCKET}?prefix=a&list-type=2", ["-H", f"x-amz-content-sha256: {EMPTY_SHA256}"]),
    "escapes in small letters": (PATH.replace("%C3%BC", "%c3%bc"), ["-H", f"x-amz-content-sha256: {EMPTY_SHA256}"]),
    "a parameter without =": (f"/{BUCKET}?location", ["-H", f"x-amz-content-sha256: {EMPTY_SHA256}"]),
}
CURL_ACCEPTED = {
    "UNSIGNED-PAYLOAD": (PATH, ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]),
    "a sorted query": (f"/{BUCKET}?list-type=2&prefix=a", ["-H", f"x-amz-content-sha256: {EMPTY_SHA256}"]),
    "a parameter with =": (f"/{BUCKET}?location=", ["-H", f"x-amz-content-sha256: {EMPTY_SHA256}"]),
}


@pytest.mark.parametrize(("path", "options"), CURL_ACCEPTED.values(), ids=CURL_ACCEPTED.keys())
def test_what_curl_needs(where: Where, path: str, options: list[str]) -> None:
    curl(where, path, *options)


@pytest.mark.parametrize(("path", "options"), CURL_REFUSED.values(), ids=CURL_REFUSED.keys())
def test_what_curl_signs_wrongly(where: Where, path: str, options: list[str], request: pytest.FixtureRequest) -> None:
    """curl 7.88 signs these in another way than AWS does, which refuses them too. See docs/clients.md."""
    version = curl(where, "", "--version").split()[1].decode()
    if "requires" not in request.node.name and tuple(map(int, version.split(".")[:2])) >= (8, 0):
        pytest.skip(f"curl {version} is not the one that this is about")
    with pytest.raises(ClientFailed):
        curl(where, path, *options)


@pytest.fixture(scope="module")
def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, critical=False)
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    paths = folder / "gateway.crt", folder / "gateway.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return paths


@pytest.fixture(scope="module")
def tls_world(world: World, moto: str, folder: Path, certificate: tuple[Path, Path]) -> Iterator[World]:
    with running_gateway(world.server, moto, folder / "tls", "httptools", tls=certificate) as other:
        yield other


def test_boto3_over_https_leaves_bodies_unsigned(
    tls_world: World, bucket: None, credentials: Credentials, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """aws-chunked with a checksum in the trailer, which is checked: the upstream has the body without its frame."""
    monkeypatch.setenv("AWS_CA_BUNDLE", os.fspath(certificate[0]))
    s3 = aws("s3", Where(f"https://127.0.0.1:{tls_world.port}", credentials, Path()))
    tls_world.passed_on()
    s3.put_object(Bucket=BUCKET, Key="over https", Body=BODY)
    (put,) = tls_world.passed_on()
    headers = dict(put["headers"])
    assert headers["x-counterseal-payload"] == "unsigned"
    assert headers["content-length"] == str(len(BODY))
    assert headers.keys().isdisjoint({"content-encoding", "transfer-encoding", "x-amz-content-sha256", "x-amz-trailer"})
    answer = s3.get_object(Bucket=BUCKET, Key="over https", ChecksumMode="ENABLED")
    assert answer["Body"].read() == BODY
    with pytest.raises(ClientError):
        aws(
            "s3", Where(f"https://127.0.0.1:{tls_world.port}", Credentials(credentials.key_id, "x" * 40), Path())
        ).list_buckets()
