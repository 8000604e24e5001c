"""The whole walk with real processes: issue, sign, verify, change, revoke, refused."""

from pathlib import Path

import pytest

from tests.server.cli.shell import Cli, issue

URL = "http://files.example/bucket/a%20key?versions&x=1"


def test_issue_sign_verify_revoke_refused(cli: Cli) -> None:
    key = issue(cli, "--principal", "alice", "--tenant", "blue", "--label", "team=a")
    signed = cli("sign", "--url", URL, "-X", "PUT", "-H", "X-Amz-Meta-A:  two  words ", "-d", "the body", "--raw", env=key.env)
    assert signed.code == 0, signed.err

    verified = cli("verify", "-", stdin=signed.raw)
    assert verified.code == 0, verified.err
    assert verified.out.splitlines()[0] == "verified"
    for field, value in (
        ("key id", key.key_id),
        ("principal", "alice"),
        ("tenant", "blue"),
        ("labels", "team=a"),
        ("body", "checked"),
    ):
        assert f"{field} " in verified.out
        assert value in verified.out

    revoked = cli("keys", "revoke", key.key_id, "--reason", "a test")
    assert revoked.code == 0, revoked.err
    assert "REVOKED" in revoked.out

    refused = cli("verify", "-", stdin=signed.raw)
    assert refused.code == 1
    assert refused.out.splitlines()[0] == "rejected: KEY_REVOKED"


def test_json_verdicts_have_stable_names(cli: Cli) -> None:
    key = issue(cli, "--principal", "bob")
    signed = cli("sign", "--url", URL, "--raw", "--region", "eu-west-1", env=key.env).raw
    verified = cli("verify", "-", "--json", stdin=signed)
    assert verified.code == 0
    answer = verified.json()
    assert list(answer) == [
        "verdict", "key_id", "principal", "tenant", "session_id", "labels", "scheme", "scope", "signed_time",
        "valid_until_time", "verified_path", "coverage", "payload_duty",
    ]  # fmt: skip
    assert answer["verdict"] == "verified"
    assert answer["key_id"] == key.key_id
    assert answer["scope"]["region"] == "eu-west-1"
    assert answer["verified_path"] == "/bucket/a%20key"
    assert answer["coverage"] == {
        "headers": ["host", "x-amz-content-sha256", "x-amz-date"], "method": True, "path": True, "query": True,
        "components": [],
    }  # fmt: skip
    assert answer["payload_duty"] == {"kind": "already_checked"}

    refused = cli("verify", "-", "--json", stdin=signed.replace(b"x=1", b"x=2"))
    assert refused.code == 1
    assert list(refused.json()) == ["verdict", "reason", "detail", "server_time", "allowed_skew_seconds", "public_error"]
    assert refused.json()["verdict"] == "rejected"
    assert refused.json()["reason"] == "MISMATCH"
    assert refused.json()["public_error"]["http_status"] == 403


@pytest.mark.parametrize("place", [b"GET", b"a%20key", b"x=1", b"files.example"])
def test_one_changed_byte_is_refused(cli: Cli, place: bytes) -> None:
    key = issue(cli)
    signed = cli("sign", "--url", URL, "--raw", env=key.env).raw
    assert cli("verify", "-", stdin=signed).code == 0
    changed = signed.replace(place, place[:-1] + bytes([place[-1] ^ 1]), 1)
    assert changed != signed
    refused = cli("verify", "-", stdin=changed)
    assert (refused.code, refused.out.splitlines()[0]) == (1, "rejected: MISMATCH")


def test_a_changed_body_is_refused(cli: Cli) -> None:
    key = issue(cli)
    signed = cli("sign", "--url", URL, "-X", "PUT", "-d", "body", "--raw", env=key.env).raw
    assert cli("verify", "-", stdin=signed[:-1] + b"Y").out.splitlines()[0] == "rejected: PAYLOAD_MISMATCH"


def test_a_presigned_url_verifies_by_flags(cli: Cli) -> None:
    key = issue(cli)
    signed = cli("sign", "--url", URL, "--presign", "--expires", "1h", env=key.env)
    assert signed.code == 0, signed.err
    url = signed.out.strip()
    assert "X-Amz-Expires=3600&" in url
    verified = cli("verify", "--url", url)
    assert verified.code == 0, verified.out + verified.err
    assert "not signed, by the client's choice" in verified.out
    assert cli("verify", "--url", url, "-X", "DELETE").code == 1


def test_a_presigned_url_that_ran_out_is_refused(cli: Cli) -> None:
    key = issue(cli)
    url = cli("sign", "--url", URL, "--presign", "--expires", "1s", "--at", "2024-01-01T00:00:00Z", env=key.env).out.strip()
    refused = cli("verify", "--url", url)
    assert (refused.code, refused.out.splitlines()[0]) == (1, "rejected: TOO_OLD")
    assert "900 seconds either way" in refused.out
    assert "server time" in refused.out


def test_a_streamed_body_leaves_its_hash_as_duty(cli: Cli) -> None:
    key = issue(cli)
    signed = cli("sign", "--url", URL, "-X", "PUT", "-d", "abc", "--raw", env=key.env).raw
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    streamed = cli("verify", "-", "--no-body", "--json", stdin=signed)
    assert streamed.json()["payload_duty"] == {"kind": "body_sha256", "sha256": digest}
    assert cli("verify", "-", "--no-body", "--body-sha256", digest, stdin=signed).code == 0
    assert cli("verify", "-", "--no-body", "--body-sha256", "0" * 64, stdin=signed).code == 1


def test_demands_narrow(cli: Cli) -> None:
    key = issue(cli, "--tenant", "blue")
    signed = cli("sign", "--url", URL, "--raw", env=key.env).raw
    for demand, reason in (
        (("--require-region", "eu-west-1"), "OUT_OF_SCOPE"),
        (("--require-service", "ec2"), "OUT_OF_SCOPE"),
        (("--require-tenant", "red"), "UNKNOWN_KEY"),
        (("--require-header", "X-Other"), "NOT_COVERED"),
        (("--require-scheme", "rfc9421"), "UNSUPPORTED_SCHEME"),
    ):
        refused = cli("verify", "-", *demand, stdin=signed)
        assert (refused.code, refused.out.splitlines()[0]) == (1, f"rejected: {reason}"), demand
    met = (
        "--require-region",
        "us-east-1",
        "--require-region",
        "eu-west-1",
        "--require-service",
        "s3",
        "--require-tenant",
        "blue",
    )
    assert cli("verify", "-", *met, "--require-header", "Host", "--require-scheme", "aws-sigv4", stdin=signed).code == 0


def test_a_disabled_key_verifies_again_once_active(cli: Cli) -> None:
    key = issue(cli)
    signed = cli("sign", "--url", URL, "--raw", env=key.env).raw
    assert cli("keys", "update", key.key_id, "--state", "disabled").code == 0
    assert cli("verify", "-", stdin=signed).out.splitlines()[0] == "rejected: KEY_DISABLED"
    assert cli("keys", "update", key.key_id, "--state", "active").code == 0
    assert cli("verify", "-", stdin=signed).code == 0


def test_an_imported_key_with_a_security_token(cli: Cli, tmp_path: Path) -> None:
    secret, token = b"imported-secret-0123456789", "canary-security-token-abcdefgh"
    env = {"COUNTERSEAL_KEY_ID": "IMPORTED1", "COUNTERSEAL_SECRET": secret.decode()}
    (tmp_path / "token").write_text(token + "\n")
    imported = cli("keys", "import", "IMPORTED1", "--security-token-file", "token", "--json", stdin=secret + b"\n")
    assert imported.code == 0, imported.err
    assert "secret" not in imported.json()
    assert imported.json()["key"]["has_security_token"] is True
    signed = cli("sign", "--url", URL, "--raw", "--security-token-file", "token", env=env)
    assert cli("verify", "-", stdin=signed.raw).code == 0
    without = cli("sign", "--url", URL, "--raw", env=env)
    assert cli("verify", "-", stdin=without.raw).out.splitlines()[0] == "rejected: MISMATCH"


def test_eval_of_aws_env_is_enough_to_sign(cli: Cli) -> None:
    printed = cli("keys", "issue", "--format", "aws-env")
    assert printed.code == 0
    env = dict(line.removeprefix("export ").split("=", 1) for line in printed.out.splitlines() if line.startswith("export "))
    assert set(env) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    signed = cli("sign", "--url", URL, "--raw", env=env)
    assert cli("verify", "-", stdin=signed.raw).code == 0


def test_explain_shows_what_was_signed_and_no_secret(cli: Cli) -> None:
    key = issue(cli)
    signed = cli("sign", "--url", URL, "--raw", "--explain", env=key.env)
    verified = cli("verify", "-", "--explain", stdin=signed.raw)
    assert verified.err == signed.err
    assert "--- canonical request\nGET\n/bucket/a%20key\nversions=&x=1\nhost:files.example\n" in signed.err
    assert "--- string to sign\nAWS4-HMAC-SHA256\n" in signed.err

    unsigned = cli("verify", "--url", URL, "--explain")  # nothing to show, and the verdict all the same
    assert (unsigned.code, unsigned.out.splitlines()[0]) == (1, "rejected: UNSIGNED")
    assert "nothing to explain" in unsigned.err
