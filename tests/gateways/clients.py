"""Real clients, unmodified, each called with an endpoint and a key. What is done with them stands in scenarios.py."""

import fcntl
import functools
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

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


def aws(service: str, where: Where, region: str = REGION, *, verify: str | None = None, **config: Any) -> Any:
    config = {"retries": {"total_max_attempts": 1}, "s3": {"addressing_style": "path"}} | config
    return boto3.session.Session().client(
        service,
        endpoint_url=where.endpoint,
        region_name=region,
        aws_access_key_id=where.credentials.key_id,
        aws_secret_access_key=where.credentials.secret,
        verify=verify,
        config=Config(**config),
    )


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
    done = subprocess.run(command, input=stdin, capture_output=True, env=clean, cwd=where.folder, timeout=240, check=False)
    if done.returncode != 0:
        raise ClientFailed(f"{Path(command[0]).name}: {done.returncode}: {done.stderr.decode(errors='replace')[-1000:]}")
    return done.stdout


def awscli(where: Where, *arguments: str, extra: dict[str, str] | None = None) -> bytes:
    """Run the AWS command line. `extra` goes into its environment: a session token, or another place for credentials."""
    program = Path(sys.executable).with_name("aws")
    require(program.exists(), "awscli is not installed")
    env = {
        "AWS_ACCESS_KEY_ID": where.credentials.key_id,
        "AWS_SECRET_ACCESS_KEY": where.credentials.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": where.endpoint,
        "AWS_MAX_ATTEMPTS": "1",
    }
    if not where.credentials.key_id:  # an empty one is not the same as none
        del env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    (where.folder / "body").write_bytes(BODY)
    return run_program(where, str(program), *arguments, env=env | (extra or {}))


def curl(where: Where, path: str, *options: str, service: str = "s3") -> bytes:
    (where.folder / "body").write_bytes(BODY)
    user = f'user = "{where.credentials.key_id}:{where.credentials.secret}"\n'.encode()
    fixed = ("-sS", "--fail", "--max-time", "120", "--noproxy", "*", "--config", "-")
    signing = ("--aws-sigv4", f"aws:amz:{REGION}:{service}")
    return run_program(where, require_program("curl"), *fixed, *signing, *options, where.endpoint + path, stdin=user)


@functools.cache
def install_signers() -> None:
    """Install what package-lock.json names, unless it is there; one process at a time."""
    done = NODE / "node_modules" / ".package-lock.json"  # npm writes it last
    with (NODE / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            command = [require_program("npm"), "ci", "--no-audit", "--no-fund"]
            made = subprocess.run(command, cwd=NODE, capture_output=True, timeout=600, check=False)
            require(made.returncode == 0, "npm ci failed in tests/gateways/node")


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
