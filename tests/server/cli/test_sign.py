"""`sign` without a server: what it takes, what it prints, what it refuses."""

import json
from collections.abc import Callable, Sequence

import pytest
from click.testing import CliRunner, Result

from counterseal.server.cli.main import cli

Sign = Callable[..., Result]
URL = "https://h.example/a?b=c"
AT = ("--at", "2026-01-02T03:04:05Z")


@pytest.fixture
def sign() -> Sign:
    def run(*args: str, stdin: bytes = b"", code: int = 0) -> Result:
        env: dict[str, str | None] = {"COUNTERSEAL_KEY_ID": "KEY1", "COUNTERSEAL_SECRET": "a-secret-of-enough-bytes"}
        env["COUNTERSEAL_SECURITY_TOKEN"] = None
        result = CliRunner().invoke(cli, ["sign", *args], input=stdin, env=env)
        assert result.exit_code == code, result.output
        return result

    return run


def test_headers_to_add(sign: Sign) -> None:
    lines = sign("--url", URL, *AT).stdout.splitlines()
    assert lines[0] == "x-amz-date: 20260102T030405Z"
    assert lines[1].startswith("x-amz-content-sha256: e3b0c442")
    assert lines[2].startswith("authorization: AWS4-HMAC-SHA256 Credential=KEY1/20260102/us-east-1/s3/aws4_request, Signed")
    assert len(lines) == 3


def test_json(sign: Sign) -> None:
    signed = json.loads(sign("--url", URL, "--json", *AT).stdout)
    assert list(signed) == ["headers"]
    assert signed["headers"][0] == {"name": "x-amz-date", "value": "20260102T030405Z"}
    presigned = json.loads(sign("--url", URL, "--presign", "--expires", "1h", "--json", *AT).stdout)
    assert list(presigned) == ["url", "expire_time"]
    assert presigned["url"].startswith(f"{URL}&X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert presigned["expire_time"] == "2026-01-02T04:04:05Z"


def test_region_and_service(sign: Sign) -> None:
    signed = sign("--url", URL, "--region", "eu-west-1", "--service", "execute-api").stdout
    assert "/eu-west-1/execute-api/aws4_request" in signed
    assert "x-amz-content-sha256" not in signed


def test_flags_and_a_file_sign_alike(sign: Sign) -> None:
    raw = b"PUT /a?b=c HTTP/1.1\r\nHost: h.example\r\nX-B: 1\r\nX-B: 2\r\n\r\nbody"
    flags = ("-X", "PUT", "--url", URL, "-H", "X-B: 1", "-H", "X-B: 2", "-d", "body")
    parts = ("-X", "PUT", "--target", "/a?b=c", "-H", "Host: h.example", "-H", "X-B: 1", "-H", "X-B: 2", "-d", "body")
    signed = {sign(*args, *AT, stdin=stdin).stdout for args, stdin in ((flags, b""), (parts, b""), (("-",), raw))}
    assert len(signed) == 1


@pytest.mark.parametrize(
    ("given", "value"),
    [("unsigned", "UNSIGNED-PAYLOAD"), ("ab" * 32, "ab" * 32), ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD",) * 2],
)
def test_payload(sign: Sign, given: str, value: str) -> None:
    assert f"x-amz-content-sha256: {value}\n" in sign("--url", URL, "--payload", given).stdout
    assert f"x-amz-content-sha256: {value}\n" in sign("--url", URL, "--no-body", "--payload", given).stdout


@pytest.mark.parametrize(
    "host", ["user@h.example", "h.example/x", "h.example?x", "h example", "h.example#", "h:1:2", "[::1", "h:port"]
)
def test_a_host_that_would_change_the_url(sign: Sign, host: str) -> None:
    for shape in ("--curl", "--presign"):
        assert sign("--target", "/", "-H", f"Host: {host}", shape, code=2).stdout == ""


@pytest.mark.parametrize("host", ["h.example", "h.example:8443", "[::1]:80", "127.0.0.1"])
def test_a_host_that_fits(sign: Sign, host: str) -> None:
    assert sign("--target", "/", "-H", f"Host: {host}", "--presign").stdout.startswith(f"https://{host}/?X-Amz-")
    assert sign("--target", "/", "-H", f"Host: {host}", "--curl").stdout.rstrip().strip("'").endswith(f"https://{host}/")


def test_a_request_that_is_signed_already_is_refused(sign: Sign) -> None:
    signed = sign("--url", URL, "--raw").stdout_bytes
    assert "cannot sign" in sign("-", stdin=signed, code=2).stderr
    url = sign("--url", URL, "--presign").stdout.strip()
    assert "cannot sign" in sign("--url", url, "--presign", code=2).stderr


_MISTAKES = """
--target /
--target / -H Host:
--url h.example/a
--url ftp://h/a
--url https://
--url https://u:p@h/a
--url https://h/a#b
--url URL --target /
--url URL --scheme http
--url URL -X G,T
--url URL -X=
--url URL -d x --body-file y
--url URL -d x --no-body
--url URL --body-file /nonexistent
--url URL --no-body
--url URL --payload nope
--url URL --payload ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB
--url URL --presign --payload unsigned
--url URL --expires 1h
--url URL --presign --expires 8d
--url URL --presign --expires 3600
--url URL -H Host:a -H Host:b
--url URL -H colonless
--url URL -H X-Amz-Date:20260102T030405Z
--url URL --at now
- --url URL
- -X PUT
"""


@pytest.mark.parametrize("line", ["", *_MISTAKES.strip().splitlines()])
def test_usage_errors(sign: Sign, line: str) -> None:
    refused = sign(*line.replace("URL", URL).split(), stdin=b"GET / HTTP/1.1\nHost: h\n\n", code=2)
    assert "Error: " in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize("args", [("--url", "https://h/a b"), ("--target", "a b", "-H", "Host: h"), ("--url", URL, "-X", "")])
def test_what_must_be_encoded_is_not_encoded_silently(sign: Sign, args: Sequence[str]) -> None:
    assert sign(*args, code=2).stdout == ""
