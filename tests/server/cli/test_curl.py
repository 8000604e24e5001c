"""`sign --curl`: what it prints is run by a real shell and a real curl; what arrives is handed to Verify, byte for byte."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterseal.server.cli.curl import _printf_format, quote
from tests.server.cli.gateway import Gateway, listening_gateway
from tests.server.cli.inside import Inside
from tests.server.cli.shell import Cli, Issued, clean_environment, cli_for, issue
from tests.support.process import RunningServer
from tests.support.require import require_program


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with listening_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def key(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(cli_for(server, tmp_path_factory.mktemp("key")))


def run_in_shell(command: str, cwd: Path, shell: str = "bash") -> None:
    program, _ = require_program(shell), require_program("curl")
    environment = clean_environment() | {"no_proxy": "*", "HOME": str(cwd)}  # no ~/.curlrc, no proxy
    done = subprocess.run([program, "-c", command], cwd=cwd, env=environment, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def check(cli: Cli, gateway: Gateway, key: Issued, *args: str, shell: str = "bash", stdin: bytes = b"") -> bytes:
    """Sign, run the command, verify what arrived; return it."""
    signed = cli("sign", "--curl", *args, env=key.env, stdin=stdin)
    assert signed.code == 0, signed.err
    assert signed.out.count("\n") == 1
    run_in_shell(signed.raw.decode("utf-8", "surrogateescape").rstrip("\n"), cli.cwd, shell)
    arrived = gateway.request()
    verified = Inside(cli)("verify", "-", stdin=arrived)
    assert verified.code == 0, (signed.out, arrived, verified.out, verified.err)
    return arrived


@pytest.mark.parametrize(
    "target",
    [
        "/", "/a%20b?x=1&y", "/a//b/../c/./d", "/it's", "/$HOME/$(id)", "/a?b=[1-3]&c=[]", "/a;b&c", "/a?x=%27%22",
        "/*", "/a!b", "/~", "/%E2%82%AC%60%7B%7C", "/a?q=a+b", "/a?X-Other=1",
    ],
)  # fmt: skip
def test_targets_arrive_as_signed(cli: Cli, gateway: Gateway, key: Issued, target: str) -> None:
    arrived = check(cli, gateway, key, "--url", f"http://{gateway.host}{target}")
    assert arrived.startswith(f"GET {target} HTTP/1.1\r\n".encode())


_HEADERS = ['it\'s "quoted" $HOME `id`', "", "a\\nb", "!!", "*", "  two  words  ", "a;b", "a\tb", "-", "@x"]


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize("value", _HEADERS)
def test_headers_arrive_as_signed(cli: Cli, gateway: Gateway, key: Issued, value: str, shell: str) -> None:
    arrived = check(cli, gateway, key, "--url", f"http://{gateway.host}/", "-H", f"X-A: {value}", shell=shell)
    assert b"SignedHeaders=host;x-a;" in arrived


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_header_that_is_no_ascii(cli: Cli, gateway: Gateway, key: Issued, shell: str) -> None:
    arrived = check(cli, gateway, key, "--url", f"http://{gateway.host}/", "-H", "X-A: €uro 1", shell=shell)
    assert "x-a: €uro 1\r\n".encode() in arrived


def test_a_header_that_is_no_utf_8(cli: Cli, gateway: Gateway, key: Issued) -> None:
    raw = b"GET /a HTTP/1.1\r\nHost: " + gateway.host.encode() + b"\r\nX-A: \xe91'\\\r\n\r\n"
    assert b"x-a: \xe91'\\\r\n" in check(cli, gateway, key, "-", "--scheme", "http", stdin=raw)


def test_repeated_headers_arrive_in_order(cli: Cli, gateway: Gateway, key: Issued) -> None:
    arrived = check(cli, gateway, key, "--url", f"http://{gateway.host}/", "-H", "X-A: 2", "-H", "X-A: 1")
    assert arrived.index(b"x-a: 2") < arrived.index(b"x-a: 1")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_methods(cli: Cli, gateway: Gateway, key: Issued, method: str) -> None:
    assert check(cli, gateway, key, "-X", method, "--url", f"http://{gateway.host}/a").startswith(method.encode() + b" ")


@pytest.mark.parametrize("body", ["plain", "it's", "@file", "two\nlines\n", "a=1&b=2", "$HOME %s \\n", "€", " "])
def test_bodies_on_the_command_line(cli: Cli, gateway: Gateway, key: Issued, body: str) -> None:
    arrived = check(cli, gateway, key, "-X", "PUT", "--url", f"http://{gateway.host}/a", "-d", body)
    assert arrived.endswith(b"\r\n\r\n" + body.encode())
    assert b"content-type" not in arrived.lower()


def test_a_content_type_stays(cli: Cli, gateway: Gateway, key: Issued) -> None:
    args = ("-X", "POST", "--url", f"http://{gateway.host}/a", "-d", "{}", "-H", "Content-Type: application/json")
    assert b"content-type: application/json\r\n" in check(cli, gateway, key, *args)


def test_a_body_from_a_file_is_named(cli: Cli, gateway: Gateway, key: Issued, tmp_path: Path) -> None:
    body = bytes(range(256)) * 8192  # 2 MiB: curl asks with Expect first
    (tmp_path / "it's a file").write_bytes(body)
    arrived = check(cli, gateway, key, "-X", "PUT", "--url", f"http://{gateway.host}/a", "--body-file", "it's a file")
    assert arrived.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_any_byte_in_a_raw_request(cli: Cli, gateway: Gateway, key: Issued, shell: str) -> None:
    body = bytes(range(256)) + b"%d%%\\101'\n\n"
    raw = f"PUT /a HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode() + body
    assert check(cli, gateway, key, "-", "--scheme", "http", stdin=raw, shell=shell).endswith(b"\r\n\r\n" + body)


def test_a_presigned_curl(cli: Cli, gateway: Gateway, key: Issued) -> None:
    arrived = check(cli, gateway, key, "--url", f"http://{gateway.host}/a?x=1", "--presign", "--expires", "2m")
    assert b"&X-Amz-Expires=120&" in arrived.splitlines()[0]
    assert b"authorization" not in arrived.lower()


def test_one_changed_byte_after_signing_is_refused(cli: Cli, gateway: Gateway, key: Issued) -> None:
    signed = cli("sign", "--curl", "-X", "PUT", "--url", f"http://{gateway.host}/a", "-d", "body", env=key.env)
    run_in_shell(signed.out.replace("--data-raw body", "--data-raw bodY"), cli.cwd)
    assert cli("verify", "-", stdin=gateway.request()).out.splitlines()[0] == "rejected: PAYLOAD_MISMATCH"


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw))
@example(b"\xe9" + b"1")
@example(b"'\\'\n")
@example(b"-n")
def test_a_quoted_word_is_the_bytes(raw: bytes) -> None:
    done = subprocess.run(["bash", "-c", f"printf '%s.' {quote(raw)}"], capture_output=True, check=True, timeout=60)
    assert done.stdout == raw + b"."


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=40))
@example(b"\0" + b"1%d\\")
@example(b"-\0")
def test_a_printf_format_is_the_bytes(raw: bytes) -> None:
    done = subprocess.run(["sh", "-c", f"printf {_printf_format(raw)}"], capture_output=True, check=True, timeout=60)
    assert done.stdout == raw
