"""What real clients do, unmodified: each scenario is one operation of one client, against an endpoint, with a key."""

import fcntl
import functools
import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.gateways.world import Credentials
from tests.support.require import require, require_program

REGION = "eu-central-1"
BUCKET = "bucket"
KEY = "a dir/ü+b.txt"
PATH = f"/{BUCKET}/a%20dir/%C3%BC%2Bb.txt"
BODY = b"as it was signed"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NODE = Path(__file__).parent / "node"


class ClientFailed(Exception):
    """The client reported a failure, as it does when it is refused."""


@dataclass(frozen=True)
class Where:
    """Endpoint, key, and a folder of the client's own (its home)."""

    endpoint: str
    credentials: Credentials
    folder: Path


@dataclass(frozen=True)
class Scenario:
    """`body_signed`: whether the signature covers a body; `presigned`: whether it stands in a URL."""

    name: str
    run: Callable[[Where], None]
    body_signed: bool = False
    presigned: bool = False


def aws(service: str, where: Where, region: str = REGION, **config: Any) -> Any:
    config = {"retries": {"total_max_attempts": 1}, "s3": {"addressing_style": "path"}} | config
    return boto3.session.Session().client(
        service,
        endpoint_url=where.endpoint,
        region_name=region,
        aws_access_key_id=where.credentials.key_id,
        aws_secret_access_key=where.credentials.secret,
        config=Config(**config),
    )


def _boto3(service: str, operation: str, **arguments: Any) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        try:
            answer = getattr(aws(service, where), operation)(**arguments)
            if operation == "get_object":
                assert answer["Body"].read() == BODY
        except (ClientError, BotoCoreError) as error:
            raise ClientFailed(str(error)) from None

    return run


def _boto3_presigned(operation: str, method: str, body: bytes | None) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        url = aws("s3", where).generate_presigned_url(operation, Params={"Bucket": BUCKET, "Key": KEY}, ExpiresIn=600)
        fetch(url, method, body)

    return run


def fetch(url: str, method: str, body: bytes | None = None) -> None:
    request = urllib.request.Request(url, method=method, data=body, headers={"Content-Type": ""} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            assert body is not None or response.read() == BODY
    except OSError as error:
        raise ClientFailed(str(error)) from None


def run_program(where: Where, *command: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> bytes:
    """Run a client that is a program of its own. Secrets go through its environment or its input, never its arguments."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
    clean |= {"HOME": str(where.folder), "NO_PROXY": "*"} | (env or {})
    done = subprocess.run(command, input=stdin, capture_output=True, env=clean, cwd=where.folder, timeout=120, check=False)
    if done.returncode != 0:
        raise ClientFailed(f"{Path(command[0]).name}: {done.returncode}: {done.stderr.decode(errors='replace')[-1000:]}")
    return done.stdout


def awscli(where: Where, *arguments: str) -> bytes:
    program = Path(sys.executable).with_name("aws")
    require(program.exists(), "awscli is not installed")
    env = {
        "AWS_ACCESS_KEY_ID": where.credentials.key_id,
        "AWS_SECRET_ACCESS_KEY": where.credentials.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": where.endpoint,
        "AWS_MAX_ATTEMPTS": "1",
    }
    (where.folder / "body").write_bytes(BODY)
    return run_program(where, str(program), *arguments, env=env)


def _awscli(*arguments: str) -> Callable[[Where], None]:
    return lambda where: void(awscli(where, *arguments))


def _awscli_presigned(where: Where) -> None:
    url = awscli(where, "s3", "presign", f"s3://{BUCKET}/{KEY}", "--expires-in", "600")
    fetch(url.decode().strip(), "GET")


def curl(where: Where, path: str, *options: str, service: str = "s3") -> bytes:
    (where.folder / "body").write_bytes(BODY)
    user = f'user = "{where.credentials.key_id}:{where.credentials.secret}"\n'.encode()
    fixed = ("-sS", "--fail", "--max-time", "60", "--noproxy", "*", "--config", "-")
    signing = ("--aws-sigv4", f"aws:amz:{REGION}:{service}")
    return run_program(where, require_program("curl"), *fixed, *signing, *options, where.endpoint + path, stdin=user)


def _curl(path: str, *options: str, service: str = "s3") -> Callable[[Where], None]:
    return lambda where: void(curl(where, path, *options, service=service))


@functools.cache
def install_signers() -> None:
    """Install what package-lock.json names, unless it is there; one process at a time."""
    done = NODE / "node_modules" / ".package-lock.json"  # npm writes it last
    with (NODE / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            command = [require_program("npm"), "ci", "--no-audit", "--no-fund"]
            made = subprocess.run(command, cwd=NODE, capture_output=True, timeout=280, check=False)
            require(made.returncode == 0, "npm ci failed in tests/gateways/node")


def _node(signer: str, **request: Any) -> Callable[[Where], None]:
    def run(where: Where) -> None:
        program = require_program("node")
        install_signers()
        env = {"KEY_ID": where.credentials.key_id, "SECRET": where.credentials.secret}
        what = json.dumps({"endpoint": where.endpoint, **request})
        run_program(where, program, str(NODE / f"{signer}.mjs"), what, env=env)

    return run


def rclone(where: Where, *arguments: str) -> bytes:
    settings = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ACCESS_KEY_ID": where.credentials.key_id,
        "SECRET_ACCESS_KEY": where.credentials.secret,
        "ENDPOINT": where.endpoint,
        "REGION": REGION,
        "NO_CHECK_BUCKET": "true",
    }
    env = {f"RCLONE_CONFIG_X_{name}": value for name, value in settings.items()}
    (where.folder / "body").write_bytes(BODY)
    return run_program(where, require_program("rclone"), "--retries", "1", "--low-level-retries", "1", *arguments, env=env)


def s3cmd(where: Where, *arguments: str) -> bytes:
    host = where.endpoint.removeprefix("http://")
    config = where.folder / "s3cfg"
    config.write_text(
        f"[default]\naccess_key = {where.credentials.key_id}\nsecret_key = {where.credentials.secret}\nhost_base = {host}\n"
        f"host_bucket = {host}\nbucket_location = {REGION}\nuse_https = False\nsignature_v2 = False\n"
    )
    (where.folder / "body").write_bytes(BODY)
    return run_program(where, require_program("s3cmd"), "-c", str(config), *arguments)


def _rclone(*arguments: str) -> Callable[[Where], None]:
    return lambda where: void(rclone(where, *arguments))


def _s3cmd(*arguments: str) -> Callable[[Where], None]:
    return lambda where: void(s3cmd(where, *arguments))


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
_METADATA = {"note": "two  spaces"}


def _node_scenarios(signer: str, url: dict[str, Any], **listing: Any) -> list[Scenario]:
    return [
        Scenario(f"{signer} put", _node(signer, **_S3_PUT), body_signed=True),
        Scenario(f"{signer} list", _node(signer, service="s3", method="GET", **listing)),
        Scenario(f"{signer} presigned", _node(signer, service="s3", method="GET", query=True, **url), presigned=True),
        Scenario(f"{signer} dynamodb", _node(signer, **_TABLES), body_signed=True),
    ]


SCENARIOS = [
    Scenario("boto3 put", _boto3("s3", "put_object", Bucket=BUCKET, Key=KEY, Body=BODY, Metadata=_METADATA), body_signed=True),
    Scenario("boto3 get", _boto3("s3", "get_object", Bucket=BUCKET, Key=KEY)),
    Scenario("boto3 head", _boto3("s3", "head_object", Bucket=BUCKET, Key=KEY)),
    Scenario("boto3 list", _boto3("s3", "list_objects_v2", Bucket=BUCKET, Prefix="a d", MaxKeys=10)),
    Scenario("boto3 presigned get", _boto3_presigned("get_object", "GET", None), presigned=True),
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
    Scenario("rclone put", _rclone("copyto", "body", f"x:{BUCKET}/{KEY}", "--s3-no-head")),
    Scenario("rclone list", _rclone("lsf", f"x:{BUCKET}")),
    Scenario("s3cmd put", _s3cmd("put", "body", f"s3://{BUCKET}/{KEY}"), body_signed=True),
    Scenario("s3cmd list", _s3cmd("ls", f"s3://{BUCKET}/")),
]
