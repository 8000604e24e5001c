"""`counterseal keys` through click's own runner, against a real server."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from counterseal.server.cli.main import cli
from tests.server.cli.shell import clean_environment
from tests.support.process import RunningServer

Keys = Callable[..., Result]


@pytest.fixture
def keys(server: RunningServer) -> Keys:
    quiet: dict[str, str | None] = dict.fromkeys(
        ("COUNTERSEAL_SECRET", "COUNTERSEAL_SECURITY_TOKEN", "COUNTERSEAL_TOKEN"), None
    )
    env = quiet | clean_environment() | {"COUNTERSEAL_SERVER": server.address, "COUNTERSEAL_DATA_DIR": str(server.data_dir)}

    def run(*args: str, stdin: bytes = b"", code: int = 0, **more: str) -> Result:
        result = CliRunner().invoke(cli, ["keys", *args], input=stdin, env=env | more)
        assert result.exit_code == code, result.output
        return result

    return run


def _issue(keys: Keys, *args: str) -> str:
    return str(json.loads(keys("issue", "--json", *args).stdout)["key"]["key_id"])


_NAMES = [
    "key_id", "tenant", "principal", "description", "labels", "allowed_schemes", "state", "not_before_time", "expire_time",
    "create_time", "update_time", "revoke_time", "revoke_reason", "etag", "has_security_token", "kind",
    "session_id", "algorithm", "public_key_pem", "policy", "secrets", "last_use_time",
]  # fmt: skip


def test_json_names_are_stable(keys: Keys) -> None:
    issued = json.loads(keys("issue", "--json").stdout)
    assert list(issued) == ["key", "secret"]
    assert list(issued["key"]) == _NAMES
    key_id = issued["key"]["key_id"]
    assert list(json.loads(keys("get", key_id, "--json").stdout)) == ["key"]
    assert list(json.loads(keys("update", key_id, "--principal", "x", "--json").stdout)["key"]) == _NAMES
    assert list(json.loads(keys("list", "--json").stdout)) == ["keys", "next_page_token"]
    assert list(json.loads(keys("revoke", key_id, "--reason", "r", "--json").stdout)) == ["key", "revoke_effective_time"]


def test_everything_given_at_issue_is_there(keys: Keys) -> None:
    options = ("--tenant", "blue", "--principal", "alice", "--description", "for tests", "--label", "a=1", "--label", "b=x=y")
    times = ("--not-before", "2026-01-02T03:04:05Z", "--expires", "2099-01-01T01:00:00+01:00", "--scheme", "aws-sigv4")
    key = json.loads(keys("get", _issue(keys, *options, *times), "--json").stdout)["key"]
    assert (
        key
        | {
            "tenant": "blue",
            "principal": "alice",
            "description": "for tests",
            "labels": {"a": "1", "b": "x=y"},
            "allowed_schemes": ["aws-sigv4"],
            "state": "ACTIVE",
            "not_before_time": "2026-01-02T03:04:05Z",
            "expire_time": "2099-01-01T00:00:00Z",
            "revoke_time": None,
            "revoke_reason": "",
            "has_security_token": False,
        }
        == key
    )


def test_expires_in(keys: Keys) -> None:
    before = dt.datetime.now(dt.UTC)
    key = json.loads(keys("issue", "--json", "--expires-in", "30d").stdout)["key"]
    expires = dt.datetime.fromisoformat(key["expire_time"])
    assert before <= expires - dt.timedelta(days=30) <= dt.datetime.now(dt.UTC)


def test_the_table_is_aligned(keys: Keys) -> None:
    _issue(keys, "--tenant", "table", "--principal", "alice", "--description", "short")
    _issue(keys, "--tenant", "table", "--principal", "a-much-longer-principal", "--expires", "2099-01-01T00:00:00Z")
    lines = keys("list", "--tenant", "table").stdout.splitlines()
    assert len(lines) == 3
    for heading in ("STATE", "TENANT", "PRINCIPAL", "SCHEMES", "CREATED", "EXPIRES", "DESCRIPTION"):
        column = lines[0].index(heading)
        for line in lines[1:]:
            assert line[column - 2 : column] == "  "
            assert line[column] != " "


def test_listing_goes_through_every_page(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sorted(_issue(keys, "--tenant", "pages") for _ in range(5))
    monkeypatch.setattr("counterseal.server.cli.keys_change.PAGE_SIZE", 2)
    assert [key["key_id"] for key in json.loads(keys("list", "--tenant", "pages", "--json").stdout)["keys"]] == made
    first = json.loads(keys("list", "--tenant", "pages", "--limit", "3", "--json").stdout)
    assert [key["key_id"] for key in first["keys"]] == made[:3]
    assert first["next_page_token"]
    rest = json.loads(keys("list", "--tenant", "pages", "--page-token", first["next_page_token"], "--json").stdout)
    assert [key["key_id"] for key in rest["keys"]] == made[3:]
    assert rest["next_page_token"] == ""
    assert "--page-token" in keys("list", "--tenant", "pages", "--limit", "3").stderr


def test_listing_by_state_and_principal(keys: Keys) -> None:
    active, gone = _issue(keys, "--tenant", "st", "--principal", "p1"), _issue(keys, "--tenant", "st", "--principal", "p2")
    keys("revoke", gone, "--reason", "r")
    for option, value, expected in (("--state", "active", active), ("--state", "revoked", gone), ("--principal", "p2", gone)):
        listed = json.loads(keys("list", "--tenant", "st", option, value, "--json").stdout)["keys"]
        assert [key["key_id"] for key in listed] == [expected]
    empty = keys("list", "--tenant", "st", "--state", "disabled")
    assert empty.stdout == ""
    assert "No keys" in empty.stderr


def test_update_changes_what_is_given_and_nothing_else(keys: Keys) -> None:
    key_id = _issue(keys, "--principal", "p", "--description", "d", "--label", "a=1", "--expires-in", "1d")
    before = json.loads(keys("get", key_id, "--json").stdout)["key"]
    after = json.loads(keys("update", key_id, "--description", "other", "--json").stdout)["key"]
    assert after["description"] == "other"
    moved = {"description", "update_time", "etag"}
    assert {name: value for name, value in after.items() if name not in moved} == {
        name: value for name, value in before.items() if name not in moved
    }
    cleared = json.loads(
        keys("update", key_id, "--no-labels", "--no-expiry", "--principal", "", "--state", "disabled", "--json").stdout
    )["key"]
    assert (cleared["labels"], cleared["expire_time"], cleared["principal"], cleared["state"]) == ({}, None, "", "DISABLED")
    assert cleared["description"] == "other"


def test_an_old_etag_is_refused(keys: Keys) -> None:
    key_id = _issue(keys)
    etag = json.loads(keys("get", key_id, "--json").stdout)["key"]["etag"]
    keys("update", key_id, "--principal", "a", "--etag", etag)
    refused = keys("update", key_id, "--principal", "b", "--etag", etag, code=3)
    assert "changed" in refused.stderr
    assert json.loads(keys("get", key_id, "--json").stdout)["key"]["principal"] == "a"


def test_revoking_twice_keeps_the_first_reason(keys: Keys) -> None:
    key_id = _issue(keys)
    keys("revoke", key_id, "--reason", "first")
    again = json.loads(keys("revoke", key_id, "--reason", "second", "--json").stdout)
    assert again["key"]["revoke_reason"] == "first"
    assert again["key"]["state"] == "REVOKED"


def test_the_same_request_id_gives_the_same_key(keys: Keys) -> None:
    first, second = (keys("issue", "--json", "--request-id", "req-1").stdout for _ in range(2))
    assert json.loads(first)["secret"] == json.loads(second)["secret"]


def test_aws_profile(keys: Keys) -> None:
    lines = keys("issue", "--format", "aws-profile", "--profile", "blue").stdout.splitlines()
    assert lines[0] == "[blue]"
    assert lines[1].startswith("aws_access_key_id = CS")
    assert lines[2].startswith("aws_secret_access_key = cssk_")
    before = len(json.loads(keys("list", "--json").stdout)["keys"])
    keys("issue", "--format", "aws-profile", "--profile", "a]\nb", code=2)
    assert len(json.loads(keys("list", "--json").stdout)["keys"]) == before


@pytest.mark.parametrize("way", ["stdin", "file", "dash", "env"])
def test_import_takes_the_secret_from_everywhere_but_an_argument(keys: Keys, tmp_path: Path, way: str) -> None:
    secret = b"a secret of enough bytes \xff"
    (tmp_path / "secret").write_bytes(secret + b"\r\n")
    given: dict[str, tuple[tuple[str, ...], bytes]] = {
        "stdin": ((), secret + b"\n"),
        "file": (("--secret-file", str(tmp_path / "secret")), b""),
        "dash": (("--secret-file", "-"), secret),
        "env": ((), b""),
    }
    args, stdin = given[way]
    more = {"COUNTERSEAL_SECRET": "enough bytes for a secret"} if way == "env" else {}
    result = keys("import", f"IMPORT-{way}", *args, stdin=stdin, **more)
    assert "a secret of enough" not in result.output
    assert "enough bytes for" not in result.output
    again = keys("import", f"IMPORT-{way}", *args, stdin=stdin, code=3, **more)
    assert "taken" in again.stderr or "exists" in again.stderr


def test_what_a_description_does_to_a_terminal_is_shown_not_done(keys: Keys) -> None:
    # The server refuses control characters; marks that reorder text are no control characters.
    key_id = _issue(keys, "--description", "a\u202eb")
    assert "\u202e" not in keys("get", key_id).stdout
    assert "a\\u202eb" in keys("get", key_id).stdout
    keys("issue", "--description", "a\x1b[2Jb", code=2)


_MISTAKES = """
issue --label a
issue --label =1
issue --label a=1 --label a=2
issue --expires x
issue --expires 1d --expires-in 1d
issue --expires-in 2027-01-01T00:00:00Z
issue --expires-in 1d --not-before 2d
issue --tenant no/slashes
issue --scheme nope
issue --format aws-profile --profile ]
get
get a!b
list --state nope
list --limit 0
list --page-token ~
revoke X123
revoke X123 --reason=
update X123
update X123 --no-labels --label a=1
update X123 --expires-in 1d --no-expiry
update X123 --not-before 1d --no-not-before
update X123 --state revoked
import X123 --secret-file /nonexistent
import X123
import
get X123 --server nonsense
get X123 --client-cert /dev/null
nope
"""


@pytest.mark.parametrize("line", _MISTAKES.strip().splitlines())
def test_usage_errors(keys: Keys, line: str) -> None:
    assert "Error: " in keys(*line.split(), code=2).stderr
