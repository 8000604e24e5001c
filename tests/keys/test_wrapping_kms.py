"""AWS KMS as the wrapping key, against moto: in this process, and as a server over HTTP."""

import base64
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions
from moto import mock_aws
from moto.server import ThreadedMotoServer

from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.wrapping import aws_kms, find_wrapper
from counterseal.server.keys.wrapping.aws_kms import CONTEXT, AwsKmsWrapper, open_kms

MASTER = bytes(range(32))
REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "x" * 40),
        ("AWS_DEFAULT_REGION", REGION),
    ):
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # A machine's own: neither its files nor its metadata service are asked.
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def key() -> Iterator[str]:
    """The ARN of a key in a KMS of its own."""
    with mock_aws():
        yield boto3.client("kms").create_key()["KeyMetadata"]["Arn"]


def test_a_master_key_is_wrapped_under_its_id(key: str) -> None:
    wrapper = open_kms(key)
    wrapped = wrapper.wrap(MASTER, master_key_id="mk-1")
    assert MASTER not in wrapped
    assert wrapper.unwrap(wrapped, master_key_id="mk-1") == MASTER
    with pytest.raises(ConfigError, match=r"COUNTERSEAL_KEY_WRAPPING: .* mk-2: refused \(InvalidCiphertextException\)"):
        wrapper.unwrap(wrapped, master_key_id="mk-2")
    with pytest.raises(ConfigError, match="refused"):
        wrapper.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), master_key_id="mk-1")


@pytest.mark.parametrize("name", ["arn", "id", "alias"])
def test_every_way_to_name_a_key(key: str, name: str, tmp_path: Path) -> None:
    boto3.client("kms").create_alias(AliasName="alias/counterseal", TargetKeyId=key)
    named = {"arn": key, "id": key.rsplit("/", 1)[1], "alias": "alias/counterseal"}[name]
    wrapper = find_wrapper(f"aws-kms:{named}", tmp_path)
    assert wrapper is not None
    ring = MasterKeys.load_or_create(tmp_path / "master.keys", wrapper=wrapper)
    assert MasterKeys.load(tmp_path / "master.keys", wrapper=wrapper) == ring
    text = (tmp_path / "master.keys").read_text()
    assert ":wrapped:" in text
    assert base64.b64encode(ring.keys[ring.active]).decode() not in text


def test_what_another_key_wrapped_does_not_open(key: str) -> None:
    """moto, unlike KMS, opens it whatever key is named: that the key is named is what can be shown here."""
    said: list[dict[str, Any]] = []

    class Client:
        def encrypt(self, **arguments: Any) -> dict[str, Any]:
            said.append(arguments)
            return {"CiphertextBlob": b"w"}

        def decrypt(self, **arguments: Any) -> dict[str, Any]:
            said.append(arguments)
            return {"Plaintext": MASTER}

    wrapper = AwsKmsWrapper(key, Client())
    wrapper.unwrap(wrapper.wrap(MASTER, master_key_id="a"), master_key_id="a")
    context = {"KeyId": key, "EncryptionContext": {CONTEXT: "a"}}
    assert said == [context | {"Plaintext": MASTER}, context | {"CiphertextBlob": b"w"}]


def test_a_key_that_is_not_there_or_not_usable_is_a_matter_of_configuration(key: str) -> None:
    with pytest.raises(ConfigError, match="NotFoundException"):
        open_kms("00000000-0000-0000-0000-000000000000").wrap(MASTER, master_key_id="a")


def both_ways(wrapper: AwsKmsWrapper) -> list[Callable[[], bytes]]:
    return [lambda: wrapper.wrap(MASTER, master_key_id="a"), lambda: wrapper.unwrap(b"w", master_key_id="a")]


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def encrypt(self, **arguments: Any) -> dict[str, Any]:
        raise self.error

    decrypt = encrypt


def client_error(code: str, http_code: int = 400) -> exceptions.ClientError:
    response = {"Error": {"Code": code, "Message": "quotes a secret"}, "ResponseMetadata": {"HTTPStatusCode": http_code}}
    return exceptions.ClientError(response, "Decrypt")


ENDPOINT = {"endpoint_url": "https://kms", "error": "quotes a secret"}


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (client_error("AccessDeniedException"), ConfigError, "AccessDeniedException"),
        (client_error("IncorrectKeyException"), ConfigError, "IncorrectKeyException"),
        (client_error("DisabledException"), ConfigError, "DisabledException"),
        (client_error("KMSInvalidStateException"), ConfigError, "KMSInvalidStateException"),
        (client_error("UnrecognizedClientException"), ConfigError, "UnrecognizedClientException"),
        (client_error("odd code\n{}"), ConfigError, "no known reason"),
        (client_error("ThrottlingException"), StoreUnavailable, "ThrottlingException"),
        (client_error("KMSInternalException", 500), StoreUnavailable, "KMSInternalException"),
        (client_error("DependencyTimeoutException", 500), StoreUnavailable, "DependencyTimeoutException"),
        (client_error("KeyUnavailableException", 500), StoreUnavailable, "KeyUnavailableException"),
        (client_error("Anything", 503), StoreUnavailable, "503"),
        (exceptions.EndpointConnectionError(**ENDPOINT), StoreUnavailable, "EndpointConnectionError"),
        (exceptions.ConnectTimeoutError(**ENDPOINT), StoreUnavailable, "ConnectTimeoutError"),
        (exceptions.ReadTimeoutError(**ENDPOINT), StoreUnavailable, "ReadTimeoutError"),
        (exceptions.ConnectionClosedError(**ENDPOINT), StoreUnavailable, "ConnectionClosedError"),
        (exceptions.SSLError(**ENDPOINT), StoreUnavailable, "SSLError"),
        (exceptions.NoCredentialsError(), ConfigError, "NoCredentialsError"),
        (exceptions.NoRegionError(), ConfigError, "NoRegionError"),
        (exceptions.PartialCredentialsError(provider="x", cred_var="y"), ConfigError, "PartialCredentialsError"),
    ],
)
def test_no_answer_is_told_from_a_refusal(error: Exception, expected: type[Exception], text: str) -> None:
    wrapper = AwsKmsWrapper("k", Failing(error))
    for call in both_ways(wrapper):
        with pytest.raises(expected, match="COUNTERSEAL_KEY_WRAPPING: AWS KMS") as caught:
            call()
        assert text in str(caught.value)
        assert "quotes a secret" not in str(caught.value)
        assert caught.value.__suppress_context__


@pytest.mark.parametrize("answer", [{"Plaintext": "text", "CiphertextBlob": None}, {"Plaintext": 1, "CiphertextBlob": []}])
def test_an_answer_that_is_none_is_refused(answer: dict[str, Any]) -> None:
    class Client(Failing):
        def encrypt(self, **arguments: Any) -> dict[str, Any]:
            return answer

        decrypt = encrypt

    wrapper = AwsKmsWrapper("k", Client(Exception()))
    for call in both_ways(wrapper):
        with pytest.raises(ConfigError, match="holds no key"):
            call()


@pytest.mark.parametrize("name", ["a b", "a;b", "ä", "x" * 2049, "a\n"])
def test_what_is_no_key_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="aws-kms: needs a key id"):
        open_kms(name)


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError, match="NoRegionError"):
        open_kms("alias/x")


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(ConfigError, match=r"counterseal\[aws-kms\]"):
        open_kms("alias/x")


def test_no_key_is_logged(key: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore logs parameters and answers at DEBUG, under whatever level the root has."""
    before = logging.getLogger("botocore").level
    monkeypatch.setattr(logging.getLogger("botocore"), "level", before)
    with caplog.at_level(logging.DEBUG):
        wrapper = open_kms(key)
        assert wrapper.unwrap(wrapper.wrap(MASTER, master_key_id="a"), master_key_id="a") == MASTER
    for form in (MASTER.hex(), base64.b64encode(MASTER).decode(), repr(MASTER)):
        assert form not in caplog.text


def test_over_http(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://{host}:{port}")
        key = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
        wrapper = find_wrapper(f"aws-kms:{key}", tmp_path)
        ring = MasterKeys.load_or_create(tmp_path / "master.keys", wrapper=wrapper)
        assert MasterKeys.load(tmp_path / "master.keys", wrapper=find_wrapper(f"aws-kms:{key}", tmp_path)) == ring
    finally:
        server.stop()


def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CONNECT_SECONDS", "_READ_SECONDS", "_ATTEMPTS"):
        monkeypatch.setattr(aws_kms, name, 1)


def test_a_kms_that_is_not_there_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch)
    with socket.socket() as deaf:  # takes no connections, and keeps the port from others
        deaf.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="does not answer"):
            open_kms("alias/x").wrap(MASTER, master_key_id="a")


def test_a_kms_that_never_answers_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="ReadTimeoutError"):
            open_kms("alias/x").unwrap(b"w", master_key_id="a")
