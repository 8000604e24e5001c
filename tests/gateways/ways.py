"""Clients that sign, one for each way of signing that has one at hand: what they send, and what of it to change."""

import base64
import datetime as dt
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import requests
import standardwebhooks
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from tests.gateways.clients import BODY, BUCKET, ClientFailed, Where, aws, run_program
from tests.gateways.tamper import Raw, flip, flip_in
from tests.gateways.world import Credentials
from tests.support.require import require_program

OBJECT = "signed another way"
PRIVATE = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for tests").digest())
PEM = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class Way:
    """A client that signs: the scheme that its key is issued for, how it sends one request, and what of it to change."""

    name: str
    scheme: str
    send: Callable[[Where], None]
    change: Callable[[Raw], Raw]
    pem: str = ""
    s3: bool = False


def _last_byte(raw: Raw) -> Raw:
    return replace(raw, body=raw.body[:-1] + bytes([raw.body[-1] ^ 1]))


def _answer(response: requests.Response) -> None:
    if response.status_code >= 400:
        raise ClientFailed(f"{response.status_code}: {response.text[:300]}")


def _boto3(signature_version: str) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        try:
            aws("s3", where, signature_version=signature_version).put_object(Bucket=BUCKET, Key=OBJECT, Body=BODY)
        except (ClientError, BotoCoreError) as error:
            raise ClientFailed(str(error)) from None

    return run


def _boto3_presigned(signature_version: str) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        s3 = aws("s3", where, signature_version=signature_version)
        url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET}, ExpiresIn=300)
        _answer(requests.get(url, timeout=60))

    return run


def _boto3_form(signature_version: str) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        s3 = aws("s3", where, signature_version=signature_version)
        form = s3.generate_presigned_post(BUCKET, OBJECT, Conditions=[["content-length-range", 1, 1000]], ExpiresIn=300)
        _answer(requests.post(form["url"], data=form["fields"], files={"file": ("cat.jpg", BODY)}, timeout=60))

    return run


class OneKey(HTTPSignatureKeyResolver):
    def __init__(self, private: Any) -> None:
        self._private = private

    def resolve_private_key(self, key_id: str) -> Any:
        return self._private


def _message_signature(where: Where, algorithm: Any, private: Any) -> None:
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    request = requests.Request("POST", f"{where.endpoint}/orders?a=1&b", data=BODY)
    request.headers = {"content-digest": f"sha-256=:{digest}:", "content-type": "text/plain"}
    prepared = request.prepare()
    signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=OneKey(private))
    covered = ("@method", "@authority", "@path", "@query", "content-digest")
    signer.sign(prepared, key_id=where.credentials.key_id, covered_component_ids=covered, use_existing_digest=True)
    _answer(requests.Session().send(prepared, timeout=60))


def _hooked(headers: Callable[[Credentials, str], dict[str, str]]) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        fields = headers(where.credentials, str(int(time.time())))
        _answer(requests.post(f"{where.endpoint}/hook", data=BODY, headers=fields, timeout=60))

    return run


def _standard(credentials: Credentials, now: str) -> dict[str, str]:
    # The package takes base64 of the bytes that sign.
    webhook = standardwebhooks.Webhook("whsec_" + base64.b64encode(credentials.secret.encode()).decode())
    signature = webhook.sign("msg_1", dt.datetime.fromtimestamp(int(now), tz=dt.UTC), BODY.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": signature}


def _mac(credentials: Credentials, text: bytes) -> str:
    return hmac.new(credentials.secret.encode(), text, hashlib.sha256).hexdigest()


def _stripe(credentials: Credentials, now: str) -> dict[str, str]:
    return {"stripe-signature": f"t={now},v1={_mac(credentials, now.encode() + b'.' + BODY)}"}


def _github(credentials: Credentials, now: str) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={_mac(credentials, BODY)}", "x-github-event": "push"}


def _slack(credentials: Credentials, now: str) -> dict[str, str]:
    return {
        "x-slack-request-timestamp": now,
        "x-slack-signature": f"v0={_mac(credentials, b'v0:' + now.encode() + b':' + BODY)}",
    }


def _curl_google(where: Where) -> None:
    require_program("curl")
    host, body = urlsplit(where.endpoint).netloc, where.folder / "body"
    body.write_bytes(BODY)
    user = f'user = "{where.credentials.key_id}:{where.credentials.secret}"\n'.encode()
    hashed = ("-H", f"x-goog-content-sha256: {hashlib.sha256(BODY).hexdigest()}")
    signing = ("--aws-sigv4", "goog:goog:auto:storage", *hashed, "-T", "body", f"http://{host}/{BUCKET}/google")
    run_program(where, "curl", "-sS", "--fail", "--max-time", "60", "--noproxy", "*", "--config", "-", *signing, stdin=user)


def _in_field(name: bytes) -> Callable[[Raw], Raw]:
    return lambda raw: raw.with_header(name, flip)


def _with_key(raw: Raw) -> Raw:
    """Change one letter of the form's object key."""
    assert OBJECT.encode() in raw.body
    return replace(raw, body=raw.body.replace(OBJECT.encode(), flip(OBJECT.encode()), 1))


WAYS = [
    Way("boto3 v4a", "aws-sigv4a", _boto3("s3v4a"), _last_byte, s3=True),
    Way("boto3 v4a presigned", "aws-sigv4a", _boto3_presigned("s3v4a-query"), lambda raw: raw.with_query(flip), s3=True),
    Way("boto3 v2", "aws-sigv2", _boto3("s3"), lambda raw: raw.with_header(b"date", flip_in(rb":\d\d:\d\d")), s3=True),
    Way(
        "boto3 v2 presigned", "aws-sigv2", _boto3_presigned("s3-query"),
        lambda raw: raw.with_query(flip_in(rb"Expires=\d+")), s3=True,
    ),
    Way("boto3 form", "aws-sigv4", _boto3_form("s3v4"), _with_key, s3=True),
    Way("boto3 v2 form", "aws-sigv2", _boto3_form("s3"), _with_key, s3=True),
    Way("curl google", "goog4", _curl_google, _last_byte),
    Way(
        "http-message-signatures hmac", "rfc9421",
        lambda where: _message_signature(where, algorithms.HMAC_SHA256, where.credentials.secret.encode()), _last_byte,
    ),
    Way(
        "http-message-signatures ed25519", "rfc9421",
        lambda where: _message_signature(where, algorithms.ED25519, PRIVATE), _last_byte, pem=PEM,
    ),
    Way("standardwebhooks", "standard-webhooks", _hooked(_standard), _last_byte),
    Way("stripe", "stripe", _hooked(_stripe), _last_byte),
    Way("github", "github", _hooked(_github), _last_byte),
    Way("slack", "slack", _hooked(_slack), _last_byte),
]  # fmt: skip
