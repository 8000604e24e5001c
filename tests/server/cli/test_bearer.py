"""`keys issue --bearer`, and a token's way through the other commands. What is printed of it is printed once."""

import re

from tests.server.cli.shell import Cli, issue

URL = "http://files.example/orders?a=1"
TOKEN = re.compile(r"cstk_CSBT[A-Z2-7]{20}_[0-9A-Za-z]{49}")
POST = ("-X", "POST", "--url", URL, "-d", "body", "--raw")


def test_issue_send_verify_rotate_revoke(cli: Cli) -> None:
    key = issue(cli, "--bearer", "--principal", "alice", "--expires-in", "1h")
    assert TOKEN.fullmatch(key.secret)
    assert key.secret.split("_")[1] == key.key_id
    sent = cli("sign", "--scheme", "bearer", *POST, env={"COUNTERSEAL_SECRET": key.secret})
    assert sent.code == 0, sent.err
    verified = cli("verify", "-", stdin=sent.raw, env={})
    assert verified.code == 0, verified.err
    assert "alice" in verified.out
    for name, shown in (("covered", "-"), ("headers", "-"), ("path", "-"), ("valid until", "-"), ("body", "not signed, by")):
        assert re.search(rf"(?m)^{name} +{shown}", verified.out)

    rotated = cli("keys", "rotate", key.key_id, "--overlap", "0", "--format", "header")
    assert rotated.code == 0, rotated.err
    header = rotated.out.strip()
    assert header.startswith("Authorization: Bearer ")
    assert TOKEN.fullmatch(header.removeprefix("Authorization: Bearer "))
    assert "The token is shown this once" in rotated.err
    assert cli("verify", "-", stdin=sent.raw).out.splitlines()[0] == "rejected: MISMATCH"
    again = cli("verify", "--url", URL, "--header", header)
    assert again.out.splitlines()[0] == "verified"
    assert cli("keys", "revoke", key.key_id, "--reason", "a test", "--wait").code == 0
    refused = cli("verify", "--url", URL, "--header", header)
    assert refused.out.splitlines()[0] == "rejected: KEY_REVOKED"
    assert 'error="invalid_token"' in refused.out


def test_the_token_is_shown_once(cli: Cli) -> None:
    text = cli("keys", "issue", "--bearer")
    assert TOKEN.search(text.out)
    assert re.search(r"(?m)^token +cstk_", text.out)
    assert re.search(r"(?m)^kind +bearer$", text.out)
    key_id = TOKEN.findall(text.out)[0].split("_")[1]
    shown = cli("keys", "get", key_id, "--json").json()["key"]
    assert (shown["kind"], shown["session_id"], shown["allowed_schemes"]) == ("BEARER", "", ["bearer"])
    assert [secret["version"] for secret in shown["secrets"]] == [1]
    for args in (("get", key_id), ("list", "--json"), ("list",), ("report", "--older-than", "1s", "--json")):
        assert not TOKEN.search(cli("keys", *args).out)


def test_what_does_not_go_together(cli: Cli) -> None:
    for args, problem in (
        (("--bearer", "--format", "aws-env"), "no secret of AWS"),
        (("--bearer", "--format", "aws-profile"), "no secret of AWS"),
        (("--format", "header"), "only a bearer token"),
        (("--bearer", "--public-key", "-"), "exclude each other"),
        (("--bearer", "--scheme", "aws-sigv4"), "bearer keys"),
        (("--bearer", "--scheme", "rfc9421"), "bearer keys"),
        (("--scheme", "bearer"), "symmetric keys"),
    ):
        result = cli("keys", "issue", *args)
        assert result.code != 0
        assert problem in result.err
        assert not result.out


def test_a_rotation_that_could_not_be_printed_is_not_begun(cli: Cli) -> None:
    token, secret = issue(cli, "--bearer"), issue(cli)
    for key, shape in ((token, "aws-env"), (secret, "header")):
        result = cli("keys", "rotate", key.key_id, "--overlap", "0", "--format", shape)
        assert result.code != 0
        assert not result.out
        assert cli("keys", "get", key.key_id, "--json").json()["key"]["secrets"][0]["version"] == 1
    brought = cli("keys", "rotate", token.key_id, "--overlap", "0", "--secret-file", "-", stdin=b"a secret of enough bytes")
    assert "imported_secret: must be empty" in brought.err


def test_the_list_of_schemes(cli: Cli) -> None:
    (bearer,) = [scheme for scheme in cli("schemes", "--json").json()["schemes"] if scheme["name"] == "bearer"]
    assert (bearer["key_kinds"], bearer["enabled"]) == (["BEARER"], True)
    assert (bearer["timeless"], bearer["names_key"], bearer["weakness"]) == (True, True, "")
    assert re.search(r"(?m)^bearer +yes +bearer +yes +no ", cli("schemes").out)
