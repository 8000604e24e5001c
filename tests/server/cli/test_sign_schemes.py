"""`sign --scheme`: what the command line signs, the scheme verifies; and what it does not take."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from counterseal.core.asymmetric import public_of
from counterseal.core.model import Demand, HttpRequest, Key, KeyState, Rejected, Verified, Window
from counterseal.core.schemes import BUILT_IN
from counterseal.core.verify import conclude, examine
from counterseal.server.cli import raw_http
from counterseal.server.cli.main import cli
from tests.core.bearer import making
from tests.core.conformance.keys import private_key
from tests.server.cli.shell import Cli

URL = "https://h.example/a?b=c"
SECRET = "a-secret-of-enough-bytes"
NOW = 1_790_000_000
AT = ("--at", "2026-09-21T14:13:20Z")

Sign = Callable[..., Result]


@pytest.fixture
def sign() -> Sign:
    def run(*args: str, code: int = 0, **env: str | None) -> Result:
        given: dict[str, str | None] = dict.fromkeys(("COUNTERSEAL_SECURITY_TOKEN", "COUNTERSEAL_CONFIG"))
        given |= {"COUNTERSEAL_KEY_ID": "KEY1", "COUNTERSEAL_SECRET": SECRET} | env
        result = CliRunner().invoke(cli, ["sign", *args], env=given)
        assert result.exit_code == code, result.output
        return result

    return run


def judge(raw: bytes, scheme: str, key: Key) -> Verified | Rejected:
    """Return the verdict of the core on a request as `sign --raw` prints it."""
    request: HttpRequest = raw_http.read_request(raw)
    demand = Demand(key_id=key.key_id)
    claim = examine(request, demand, schemes=BUILT_IN, window=Window(), now=NOW)
    if isinstance(claim, Rejected):
        return claim
    assert claim.scheme == scheme
    return conclude(claim, request, key, demand, schemes=BUILT_IN, window=Window(), now=NOW)


def key_for(scheme: str) -> Key:
    return Key(key_id="KEY1", tenant="t", secret=SECRET.encode(), allowed_schemes=frozenset({scheme}), state=KeyState.ACTIVE)


@pytest.mark.parametrize("scheme", sorted(BUILT_IN.keys() - {"bearer"}))
def test_every_built_in_scheme_verifies_what_the_command_line_signs(sign: Sign, scheme: str) -> None:
    args = ("-X", "POST", "--url", "https://h.example/a", "-H", "Content-Type: text/plain", "-d", "body")
    raw = sign("--scheme", scheme, *args, *AT, "--raw").stdout_bytes
    assert isinstance(judge(raw, scheme, key_for(scheme)), Verified)
    assert isinstance(judge(raw, scheme, replace(key_for(scheme), secret=b"another secret of enough bytes")), Rejected)


def test_a_bearer_token_is_sent_as_it_is(sign: Sign, tmp_path: Path) -> None:
    """It holds its key's id, so that none has to be given; one that is given has to be that one."""
    token = making.token(making.key_id(1), making.rest(1))
    file = tmp_path / "token"
    file.write_text(token + "\n")
    digest = hashlib.sha256(token.encode()).digest()
    key = replace(key_for("bearer"), key_id=making.key_id(1), secret=b"", bearer_sha256=digest)
    args = ("--scheme", "bearer", "-X", "POST", "--url", URL, "-d", "body", *AT)
    raw = sign(*args, "--raw", "--secret-file", str(file), COUNTERSEAL_KEY_ID=None, COUNTERSEAL_SECRET=None).stdout_bytes
    assert isinstance(judge(raw, "bearer", key), Verified)
    assert isinstance(judge(raw, "bearer", replace(key, bearer_sha256=bytes(32))), Rejected)
    assert sign(*args, COUNTERSEAL_SECRET=token, COUNTERSEAL_KEY_ID=None).stdout == f"authorization: Bearer {token}\n"
    for secret, key_id, problem in (
        (token, "KEY1", "another key's"),
        (token[:-1], None, "cut or mistyped"),
        (SECRET, None, "not a bearer token"),
    ):
        found = sign(*args, code=2, COUNTERSEAL_SECRET=secret, COUNTERSEAL_KEY_ID=key_id).stderr
        assert problem in found
        assert secret not in found
    explained = sign(*args, "--explain", COUNTERSEAL_SECRET=token, COUNTERSEAL_KEY_ID=None).stderr
    assert "covers nothing" in explained
    assert token not in explained


@pytest.mark.parametrize("scheme", ["rfc9421", "cavage", "standard-webhooks"])
def test_a_private_key_out_of_a_file(sign: Sign, tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "key.der"
    file.write_bytes(private_key("ed25519", 1))
    args = ("--scheme", scheme, "--private-key-file", str(file), "-X", "POST", "--url", URL, "-d", "body")
    raw = sign(*args, *AT, "--raw", COUNTERSEAL_SECRET=None).stdout_bytes
    key = replace(key_for(scheme), secret=b"", public_key=public_of(private_key("ed25519", 1)))
    assert isinstance(judge(raw, scheme, key), Verified)
    assert "exclude each other" in sign(*args, "--secret-file", "-", code=2).stderr
    assert "no key id" in sign("--private-key-file", str(file), "--url", URL, code=2, COUNTERSEAL_KEY_ID=None).stderr


def test_a_private_key_that_is_none(sign: Sign, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    for content in (b"", b"not a key"):
        file.write_bytes(content)
        refused = sign("--scheme", "rfc9421", "--private-key-file", str(file), "--url", URL, code=2)
        assert "Error: " in refused.stderr
        assert refused.stdout == ""


def test_options_go_to_the_scheme(sign: Sign) -> None:
    options = ("--option", "label=mine", "--option", 'components="@method" "@query-param";name="b"', "--option", "tag=t=1")
    lines = sign("--scheme", "rfc9421", "--url", URL, *options, *AT).stdout.splitlines()
    assert lines[0].startswith('signature-input: mine=("@method" "@query-param";name="b");created=1790000000;keyid="KEY1"')
    assert lines[0].endswith(';tag="t=1"')
    assert lines[1].startswith("signature: mine=:")


def test_flags_are_options_of_the_same_name(sign: Sign) -> None:
    flags = sign("--scheme", "goog4", "--url", URL, "--region", "auto", "--service", "storage", *AT).stdout
    options = sign("--scheme", "goog4", "--url", URL, "--option", "region=auto", "--option", "service=storage", *AT).stdout
    assert flags == options
    assert "--region as well" in sign("--url", URL, "--region", "a", "--option", "region=b", code=2).stderr


def test_a_presigned_url_by_flag_and_by_option(sign: Sign) -> None:
    by_flag = json.loads(sign("--url", URL, "--presign", "--expires", "1h", "--json", *AT).stdout)
    by_option = json.loads(sign("--url", URL, "--option", "expires=3600", "--json", *AT).stdout)
    assert by_flag == by_option
    assert by_flag["expire_time"] == "2026-09-21T15:13:20Z"
    google = sign("--scheme", "goog4", "--url", URL, "--presign", *AT).stdout
    assert google.startswith(f"{URL}&X-Goog-Algorithm=GOOG4-HMAC-SHA256&")
    assert "cannot sign: option expires" in sign("--scheme", "slack", "--url", URL, "--presign", code=2).stderr


def test_a_webhook_needs_no_key_id(sign: Sign) -> None:
    signed = sign("--scheme", "stripe", "-X", "POST", "--url", URL, "-d", "{}", *AT, COUNTERSEAL_KEY_ID=None).stdout
    assert signed.startswith("stripe-signature: t=1790000000,v1=")


def test_credentials_of_aws_sign_nothing_else(sign: Sign) -> None:
    """A secret of AWS found in the environment is not what a webhook was meant to be signed with."""
    aws = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET, "COUNTERSEAL_SECRET": None, "COUNTERSEAL_KEY_ID": None}
    assert "AKID" in sign("--scheme", "aws-sigv4a", "--url", URL, **aws).stdout
    for scheme in ("slack", "rfc9421"):
        refused = sign("--scheme", scheme, "--url", URL, code=2, **aws)
        assert refused.stdout == ""


def test_http_and_https_still_mean_how_the_client_came_in(sign: Sign) -> None:
    curl = sign("--target", "/", "-H", "Host: h.example", "--scheme", "http", "--curl").stdout
    assert "http://h.example/" in curl
    assert curl.startswith("curl ")
    also = sign("--target", "/", "-H", "Host: h.example", "--http-scheme", "http", "--curl", *AT).stdout
    assert "http://h.example/" in also


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--scheme", "no-such"), "no-such: there is no such scheme"),
        (("--scheme", "rfc9421", "--option", "nope=1"), "option nope"),
        (("--option", "x"), "NAME=VALUE"),
        (("--option", "X=1"), "NAME=VALUE"),
        (("--option", "payload=a", "--option", "payload=b"), "given twice"),
        (("--scheme", "rfc9421", "--region", "eu"), "option region"),
        (("--scheme", "github", "--option", "id=1"), "option id"),
    ],
)
def test_usage_errors(sign: Sign, args: tuple[str, ...], said: str) -> None:
    refused = sign("--url", URL, *args, code=2)
    assert said in refused.stderr
    assert refused.stdout == ""


def test_a_configured_scheme(sign: Sign, tmp_path: Path) -> None:
    config = tmp_path / "counterseal.toml"
    config.write_text(
        '[[schemes]]\nname = "acme"\nkind = "webhook-hmac"\nsignature_header = "x-acme"\ntemplate = "{timestamp}.{body}"\n'
        'timestamp_header = "x-time"\n'
    )
    args = ("--scheme", "acme", "-X", "POST", "--url", URL, "-d", "{}", *AT)
    signed = sign(*args, COUNTERSEAL_CONFIG=str(config)).stdout
    assert signed.splitlines()[0] == "x-time: 1790000000"
    assert signed.splitlines()[1].startswith("x-acme: ")
    assert "no such scheme" in sign(*args, code=2).stderr


def test_the_scheme_of_a_plug_in(lonely: Cli, tmp_path: Path) -> None:
    """Installed as any package is: a module, and an entry point of the group `counterseal.schemes`."""
    info = tmp_path / "site" / "acme_scheme-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-scheme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[counterseal.schemes]\ntoy-hmac = tests.core.conformance.third_party.toy:Toy\n")
    root = Path(__file__).parents[3]
    env = {"PYTHONPATH": f"{info.parent}:{root}", "COUNTERSEAL_KEY_ID": "KEY1", "COUNTERSEAL_SECRET": SECRET}
    signed = lonely("sign", "--scheme", "toy-hmac", "--url", URL, *AT, env=env)
    assert signed.code == 0, signed.err
    assert signed.out.startswith("toy-signature: KEY1;1790000000;")


def test_a_secret_in_the_vendor_s_form(sign: Sign) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    raw = sign("--scheme", "svix", "-X", "POST", "--url", URL, "-d", "{}", *AT, "--raw", COUNTERSEAL_SECRET=secret).stdout_bytes
    assert isinstance(judge(raw, "svix", replace(key_for("svix"), secret=secret.encode())), Verified)


def test_a_signature_in_a_form(sign: Sign, tmp_path: Path) -> None:
    """It stands in the body: the file's body is not what has to be sent."""
    body = tmp_path / "form"
    part = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    body.write_text(part.format("key", "", "cat.jpg") + part.format("file", '; filename="cat.jpg"', "a cat") + "--b--\r\n")
    args = ("-X", "POST", "--url", "https://s3.amazonaws.com/photos", "-H", "Content-Type: multipart/form-data; boundary=b")
    form = (*args, "--body-file", str(body), "--option", "form=3600", *AT)
    raw = sign(*form, "--raw").stdout_bytes
    assert b"x-amz-signature" in raw.lower()
    assert isinstance(judge(raw, "aws-sigv4", key_for("aws-sigv4")), Verified)
    curl = sign(*form, "--curl").stdout
    assert "x\\055amz\\055signature" in curl.lower()
    assert str(body) not in curl
    for shape in ((), ("--json",)):
        assert "add --raw or --curl" in sign(*form, *shape, code=2).stderr


@pytest.mark.parametrize(
    ("scheme", "title", "line"),
    [
        ("aws-sigv4", "canonical request", "content-type:text/plain"),
        ("aws-sigv4a", "string to sign", "AWS4-ECDSA-P256-SHA256"),
        ("tc3", "string to sign", "TC3-HMAC-SHA256"),
        ("aws-sigv2", "string to sign", "POST"),
        ("rfc9421", "signature base", '"@method": POST'),
        ("cavage", "string to sign", "(request-target): post /a"),
        ("slack", "what is signed", "v0:1790000000:body"),
    ],
)
def test_what_was_signed_is_explained(sign: Sign, scheme: str, title: str, line: str) -> None:
    args = ("-X", "POST", "--url", "https://h.example/a", "-H", "Content-Type: text/plain", "-d", "body")
    lines = sign("--scheme", scheme, *args, *AT, "--explain").stderr.splitlines()
    assert f"--- {title}" in lines
    assert line in lines
    assert lines[-1] == "---"
    assert SECRET not in "".join(lines)
