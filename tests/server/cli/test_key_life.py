"""Rotation, policy and reports from the command line, against a real server."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.server.cli.test_keys import Keys, _issue
from tests.server.cli.test_keys import keys as keys  # noqa: PLC0414  (the fixture)


def get(keys: Keys, key_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(keys("get", key_id, "--json").stdout)["key"]
    return found


NO_LIMITS = {
    "source_networks": [], "regions": [], "services": [], "methods": [], "path_prefixes": [], "replay": "DEFAULT",
}  # fmt: skip


def test_a_rotated_key_shows_its_secrets(keys: Keys) -> None:
    first = json.loads(keys("issue", "--json").stdout)
    key_id = first["key"]["key_id"]
    rotated = json.loads(keys("rotate", key_id, "--overlap", "24h", "--json").stdout)
    assert list(rotated) == ["key", "secret", "previous_end_time"]
    assert rotated["secret"].startswith("cssk_")
    assert rotated["secret"] != first["secret"]
    newest, older = rotated["key"]["secrets"]
    assert (newest["version"], newest["end_time"]) == (2, None)
    assert (older["version"], older["end_time"]) == (1, rotated["previous_end_time"])
    assert older["create_time"] == first["key"]["create_time"]
    assert get(keys, key_id) == rotated["key"]
    shown = keys("get", key_id).stdout
    assert "secret 2" in shown
    assert "secret 1" in shown
    assert rotated["secret"] not in shown
    ended = json.loads(keys("rotate", key_id, "--overlap", "0", "--json").stdout)
    assert [secret["version"] for secret in ended["key"]["secrets"]] == [3]


def test_a_secret_is_shown_once_and_as_asked(keys: Keys, tmp_path: Path) -> None:
    key_id = _issue(keys)
    lines = keys("rotate", key_id, "--overlap", "1h", "--format", "aws-env").stdout
    assert f"export AWS_ACCESS_KEY_ID={key_id}" in lines
    assert "AWS_SECRET_ACCESS_KEY=cssk_" in lines
    result = keys("rotate", key_id, "--overlap", "1h")
    assert "shown this once" in result.stderr
    assert "does not verify from" in result.stderr
    file = tmp_path / "secret"
    file.write_text("a secret from elsewhere\n")
    imported = keys("rotate", key_id, "--overlap", "1h", "--secret-file", str(file))
    assert "a secret from elsewhere" not in imported.stdout + imported.stderr
    assert "shown this once" not in imported.stderr
    again = keys("rotate", key_id, "--overlap", "1h", "--secret-file", str(file), code=2)
    assert "imported_secret" in again.stderr


def test_what_rotate_refuses(keys: Keys, tmp_path: Path) -> None:
    key_id = _issue(keys)
    file = tmp_path / "secret"
    file.write_text("a secret from elsewhere")
    assert "--overlap" in keys("rotate", key_id, code=2).stderr
    keys("rotate", key_id, "--overlap", "soon", code=2)
    keys("rotate", key_id, "--overlap", "366d", code=2)
    keys("rotate", key_id, "--overlap", "1h", "--format", "aws-env", "--secret-file", str(file), code=2)
    keys("rotate", key_id, "--overlap", "1h", "--profile", "a b", code=2)
    keys("rotate", key_id, "--overlap", "1h", "--etag", "0", code=3)
    keys("rotate", "nobody", "--overlap", "1h", code=3)
    assert [secret["version"] for secret in get(keys, key_id)["secrets"]] == [1]


def test_a_policy_is_given_kept_and_removed(keys: Keys) -> None:
    options = (
        "--source-network", "192.0.2.0/24", "--source-network", "2001:DB8::/32", "--region", "eu-1", "--service", "s3",
        "--method", "GET", "--method", "PUT", "--path-prefix", "/letters", "--replay", "single-use",
    )  # fmt: skip
    key_id = _issue(keys, *options)
    whole = {
        "source_networks": ["192.0.2.0/24", "2001:db8::/32"], "regions": ["eu-1"], "services": ["s3"],
        "methods": ["GET", "PUT"], "path_prefixes": ["/letters"], "replay": "SINGLE_USE",
    }  # fmt: skip
    assert get(keys, key_id)["policy"] == whole
    assert "single-use" in keys("get", key_id).stdout
    # An option replaces its own list, and leaves the other limits as they are: nothing is widened by leaving it out.
    keys("update", key_id, "--method", "HEAD", "--principal", "p")
    assert get(keys, key_id)["policy"] == whole | {"methods": ["HEAD"]}
    keys("update", key_id, "--replay", "default")
    assert get(keys, key_id)["policy"] == whole | {"methods": ["HEAD"], "replay": "DEFAULT"}
    keys("update", key_id, "--no-policy", "--region", "us-1")
    assert get(keys, key_id)["policy"] == NO_LIMITS | {"regions": ["us-1"]}
    keys("update", key_id, "--no-policy")
    assert get(keys, key_id)["policy"] == NO_LIMITS
    refused = keys("update", key_id, "--path-prefix", "letters", code=2)
    assert "key.policy.path_prefixes" in refused.stderr
    assert "policy.methods" in keys("issue", "--method", "GET POST", code=2).stderr


def test_a_report_names_what_was_found(keys: Keys) -> None:
    fresh = _issue(keys, "--tenant", "report", "--expires-in", "400d")
    soon = _issue(keys, "--tenant", "report", "--expires-in", "7d", "--principal", "alice")
    report = json.loads(keys("report", "--tenant", "report", "--expiring-within", "14d", "--json").stdout)
    assert [(key["key_id"], key["findings"]) for key in report["keys"]] == [(soon, ["expiring"])]
    arguments = ("--tenant", "report", "--unused-for", "1s", "--older-than", "1s", "--expiring-within", "14d")
    findings: dict[str, list[str]] = {}
    deadline = time.monotonic() + 60
    while findings.get(soon) != ["unused", "expiring", "old"] and time.monotonic() < deadline:  # until it is a second old
        found = json.loads(keys("report", *arguments, "--json").stdout)["keys"]
        findings = {key["key_id"]: key["findings"] for key in found}
    assert findings == {fresh: ["unused", "old"], soon: ["unused", "expiring", "old"]}
    table = keys("report", *arguments).stdout
    assert "unused,expiring,old" in table
    assert "alice" in table
    none = keys("report", "--tenant", "report", "--state", "revoked", "--unused-for", "1s")
    assert none.stdout == ""
    assert "No such keys" in none.stderr
    keys("disabled", code=2)


@pytest.mark.parametrize("arguments", [(), ("--unused-for", "0d"), ("--older-than", "999999d"), ("--state", "gone")])
def test_what_report_refuses(keys: Keys, arguments: tuple[str, ...]) -> None:
    keys("report", *arguments, code=2)
