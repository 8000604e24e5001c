"""What is done with real clients: each scenario is one operation of one client, against an endpoint, with a key."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.gateways.clients import (
    BODY,
    BUCKET,
    EMPTY_SHA256,
    KEY,
    NODE,
    PATH,
    ClientFailed,
    Where,
    aws,
    awscli,
    curl,
    fetch,
    install_signers,
    rclone,
    run_program,
    s3cmd,
)
from tests.gateways.tamper import Raw
from tests.support.require import require_program


@dataclass(frozen=True)
class Scenario:
    """`body_signed`: whether the signature covers a body; `presigned`: whether it stands in a URL.

    `method`: of the request that is the operation, for clients that send others first; without it, all requests count.
    """

    name: str
    run: Callable[[Where], None]
    body_signed: bool = False
    presigned: bool = False
    method: str = ""

    def concerns(self, raw: Raw) -> bool:
        return raw.method.decode() == self.method or not self.method


def _boto3(service: str, operation: str, **arguments: Any) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        try:
            answer = getattr(aws(service, where), operation)(**arguments)
            if operation == "get_object":
                assert answer["Body"].read() == (BODY[3:13] if "Range" in arguments else BODY)
        except (ClientError, BotoCoreError) as error:
            raise ClientFailed(str(error)) from None

    return run


def _boto3_part(where: Where) -> None:
    """Send one part. The upload is not completed: S3 takes any size of a last part, and this one is small."""
    s3 = aws("s3", where)
    try:
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=f"{KEY} part")["UploadId"]
        s3.upload_part(Bucket=BUCKET, Key=f"{KEY} part", UploadId=upload, PartNumber=1, Body=BODY)
    except (ClientError, BotoCoreError) as error:
        raise ClientFailed(str(error)) from None


def _boto3_presigned(operation: str, method: str, body: bytes | None, **more: str) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        params = {"Bucket": BUCKET, "Key": KEY} | more
        url = aws("s3", where).generate_presigned_url(operation, Params=params, ExpiresIn=600)
        fetch(url, method, body)

    return run


def _awscli(*arguments: str) -> Callable[[Where], None]:
    return lambda where: void(awscli(where, *arguments))


def _awscli_presigned(where: Where) -> None:
    url = awscli(where, "s3", "presign", f"s3://{BUCKET}/{KEY}", "--expires-in", "600")
    fetch(url.decode().strip(), "GET")


def _curl(path: str, *options: str, service: str = "s3") -> Callable[[Where], None]:
    return lambda where: void(curl(where, path, *options, service=service))


def _node(signer: str, **request: Any) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        program = require_program("node")
        install_signers()
        env = {"KEY_ID": where.credentials.key_id, "SECRET": where.credentials.secret}
        what = json.dumps({"endpoint": where.endpoint, **request})
        run_program(where, program, str(NODE / f"{signer}.mjs"), what, env=env)

    return run


def _rclone(*arguments: str) -> Callable[[Where], None]:
    return lambda where: void(rclone(where, *arguments))


def _s3cmd(*arguments: str) -> Callable[[Where], None]:
    return lambda where: void(s3cmd(where, *arguments))


def _rclone_get(where: Where) -> None:
    assert rclone(where, "cat", f"x:{BUCKET}/{KEY}") == BODY


def _s3cmd_get(where: Where) -> None:
    s3cmd(where, "--force", "get", f"s3://{BUCKET}/{KEY}", "got")
    assert (where.folder / "got").read_bytes() == BODY


def void(_: object) -> None:
    """Drop a result."""


_TABLES: dict[str, Any] = {
    "service": "dynamodb",
    "method": "POST",
    "path": "/",
    "body": "{}",
    "headers": {"x-amz-target": "DynamoDB_20120810.ListTables", "content-type": "application/x-amz-json-1.0"},
}
_S3_PUT: dict[str, Any] = {
    "service": "s3",
    "method": "PUT",
    "path": PATH,
    "body": BODY.decode(),
    "headers": {"x-amz-meta-note": "two  spaces"},
}
_PUT_HASH = ("-H", f"x-amz-content-sha256: {hashlib.sha256(BODY).hexdigest()}")
_NO_BODY = ("-H", f"x-amz-content-sha256: {EMPTY_SHA256}")
_JSON = [item for name, value in _TABLES["headers"].items() for item in ("-H", f"{name}: {value}")]
_OBJECT = {"Bucket": BUCKET, "Key": KEY}
_ABOUT: dict[str, Any] = {"Metadata": {"note": "two  spaces"}, "ContentType": "text/plain; charset=utf-8"}


def _node_scenarios(signer: str, url: dict[str, Any], **listing: Any) -> list[Scenario]:
    return [
        Scenario(f"{signer} put", _node(signer, **_S3_PUT), body_signed=True),
        Scenario(f"{signer} list", _node(signer, service="s3", method="GET", **listing)),
        Scenario(f"{signer} presigned", _node(signer, service="s3", method="GET", query=True, **url), presigned=True),
        Scenario(f"{signer} dynamodb", _node(signer, **_TABLES), body_signed=True),
    ]


SCENARIOS = [
    Scenario("boto3 put", _boto3("s3", "put_object", **_OBJECT, Body=BODY, **_ABOUT), body_signed=True),
    Scenario("boto3 part", _boto3_part, body_signed=True, method="PUT"),
    Scenario("boto3 get", _boto3("s3", "get_object", **_OBJECT)),
    Scenario("boto3 get range", _boto3("s3", "get_object", **_OBJECT, Range="bytes=3-12")),
    Scenario("boto3 head", _boto3("s3", "head_object", **_OBJECT)),
    Scenario("boto3 delete", _boto3("s3", "delete_object", **_OBJECT)),
    Scenario("boto3 list", _boto3("s3", "list_objects_v2", Bucket=BUCKET, Prefix="a d", MaxKeys=10)),
    Scenario("boto3 presigned get", _boto3_presigned("get_object", "GET", None), presigned=True),
    Scenario("boto3 presigned typed", _boto3_presigned("get_object", "GET", None, ResponseContentType="a/b"), presigned=True),
    Scenario("boto3 presigned put", _boto3_presigned("put_object", "PUT", BODY), presigned=True),
    Scenario("botocore dynamodb", _boto3("dynamodb", "list_tables"), body_signed=True),
    Scenario("botocore sqs", _boto3("sqs", "list_queues"), body_signed=True),
    Scenario("awscli put", _awscli("s3", "cp", "body", f"s3://{BUCKET}/{KEY}"), body_signed=True),
    Scenario("awscli get", _awscli("s3api", "get-object", "--bucket", BUCKET, "--key", KEY, "got")),
    Scenario("awscli list", _awscli("s3", "ls", f"s3://{BUCKET}/")),
    Scenario("awscli presigned", _awscli_presigned, presigned=True),
    Scenario("awscli dynamodb", _awscli("dynamodb", "list-tables"), body_signed=True),
    Scenario("curl put", _curl(PATH, "-T", "body", *_PUT_HASH), body_signed=True),
    Scenario("curl get", _curl(PATH, *_NO_BODY)),
    Scenario("curl list", _curl(f"/{BUCKET}?list-type=2&prefix=a%20d", *_NO_BODY)),
    Scenario("curl dynamodb", _curl("/", "-d", "{}", *_JSON, service="dynamodb"), body_signed=True),
    *_node_scenarios("aws4", {"path": f"{PATH}?X-Amz-Expires=600"}, path=f"/{BUCKET}?prefix=a%20d&list-type=2"),
    *_node_scenarios("smithy", {"path": PATH}, path=f"/{BUCKET}", parameters={"prefix": "a d", "list-type": "2"}),
    # rclone 1.60 sends single uploads as UNSIGNED-PAYLOAD, and signs the parts of larger ones (see test_programs.py).
    Scenario("rclone put", _rclone("copyto", "-I", "body", f"x:{BUCKET}/{KEY}", "--s3-no-head"), method="PUT"),
    Scenario("rclone get", _rclone_get, method="GET"),
    Scenario("rclone delete", _rclone("deletefile", f"x:{BUCKET}/{KEY}"), method="DELETE"),
    Scenario("rclone list", _rclone("lsf", f"x:{BUCKET}")),
    Scenario("s3cmd put", _s3cmd("put", "body", f"s3://{BUCKET}/{KEY}"), body_signed=True),
    Scenario("s3cmd get", _s3cmd_get, method="GET"),
    Scenario("s3cmd delete", _s3cmd("del", f"s3://{BUCKET}/{KEY}"), method="DELETE"),
    Scenario("s3cmd list", _s3cmd("ls", f"s3://{BUCKET}/")),
]
