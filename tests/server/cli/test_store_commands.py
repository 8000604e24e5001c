"""`db upgrade`, `secrets reseal` and `config check`, which need no running server."""

import base64
import json
import os
import sqlite3
from pathlib import Path

import pytest

from counterseal.server.cli.store_commands import shown_url
from tests.server.cli.shell import Cli, cli_for, issue
from tests.support.process import running_server


def _master_key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def _key_part(entry: str) -> str:
    return entry.partition(":")[2]


def test_upgrade_makes_the_database_and_can_be_repeated(lonely: Cli, tmp_path: Path) -> None:
    for _ in range(2):
        upgraded = lonely("db", "upgrade")
        assert upgraded.code == 0, upgraded.err
        assert "counterseal.db" in upgraded.out
    with sqlite3.connect(tmp_path / ".counterseal" / "counterseal.db") as database:
        assert database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0] > 1
    assert (tmp_path / ".counterseal").stat().st_mode & 0o077 == 0


def test_reseal_lets_the_old_master_key_go(tmp_path: Path) -> None:
    old, new = _master_key("old"), _master_key("new")
    with running_server(tmp_path / "data", {"MASTER_KEYS": old}) as server:
        cli = cli_for(server, tmp_path)
        keys = [issue(cli) for _ in range(3)]

    def reseal(ring: str) -> tuple[int, str, str]:
        done = cli("secrets", "reseal", "--json", env={"COUNTERSEAL_MASTER_KEYS": ring})
        assert not any(_key_part(entry) in done.out + done.err for entry in (old, new))
        return done.code, done.out, done.err

    # Without the old key nothing can be opened, and nothing is changed.
    assert reseal(new)[0] == 78
    code, out, _ = reseal(f"{new},{old}")
    assert code == 0
    # Three keys, and the key of the audit chain.
    assert json.loads(out) == {"active_master_key": "new", "resealed": 4, "already_current": 0, "broken": [], "unsettled": 0}
    assert json.loads(reseal(f"{new},{old}")[1])["already_current"] == 4

    with running_server(tmp_path / "data", {"MASTER_KEYS": new}) as server:
        cli = cli_for(server, tmp_path)
        for key in keys:
            signed = cli("sign", "--url", "http://h/", "--raw", env=key.env).raw
            assert cli("verify", "-", stdin=signed).code == 0


def test_reseal_reports_what_does_not_open(tmp_path: Path) -> None:
    old, new = _master_key("old"), _master_key("new")
    with running_server(tmp_path / "data", {"MASTER_KEYS": old}) as server:
        cli = cli_for(server, tmp_path)
        broken, sound = issue(cli), issue(cli)
    with sqlite3.connect(tmp_path / "data" / "counterseal.db") as database:
        [(sealed,)] = database.execute("SELECT sealed_secret FROM keys WHERE key_id = ?", (broken.key_id,)).fetchall()
        changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        database.execute("UPDATE keys SET sealed_secret = ? WHERE key_id = ?", (changed, broken.key_id))
    done = cli("secrets", "reseal", env={"COUNTERSEAL_MASTER_KEYS": f"{new},{old}"})
    assert done.code == 70
    assert broken.key_id in done.err
    assert sound.key_id not in done.err
    assert "Resealed under new: 2." in done.out  # the other key, and that of the audit chain


def test_reseal_makes_no_master_key(lonely: Cli, tmp_path: Path) -> None:
    assert lonely("db", "upgrade").code == 0
    refused = lonely("secrets", "reseal")
    assert refused.code == 78
    assert "master.keys" in refused.err
    assert not (tmp_path / ".counterseal" / "master.keys").exists()


def test_config_check_shows_what_is_in_force(lonely: Cli, tmp_path: Path) -> None:
    caller = f'[[callers]]\nname = "edge"\nrole = "gateway"\ntoken_sha256 = "{"ab" * 32}"\n'
    (tmp_path / "c.toml").write_text(f"skew = 60\n{caller}")
    env = {"COUNTERSEAL_CONFIG": "c.toml", "COUNTERSEAL_THREADS": "3", "COUNTERSEAL_METRICS_LISTEN": ""}
    shown = lonely("config", "check", "--json", env=env).json()
    assert (shown["skew"], shown["threads"], shown["metrics_listen"], shown["config"]) == (60, 3, None, "c.toml")
    assert shown["data_dir"] == str(tmp_path / ".counterseal")
    assert shown["master_keys"] is None
    [edge] = shown["callers"]
    assert (edge["name"], edge["role"], edge["known_by"]) == ("edge", "gateway", ["bearer token"])
    text = lonely("config", "check", env=env)
    assert text.code == 0
    assert "skew                    60\n" in text.out
    assert "caller edge: role gateway" in text.out
    assert not (tmp_path / ".counterseal").exists()


def test_config_check_shows_every_setting(lonely: Cli) -> None:
    from counterseal.server.config import SETTINGS

    shown = lonely("config", "check", "--json").json()
    assert set(shown) == {name.lower() for name in SETTINGS} | {"config", "callers", "configured_schemes", "oidc"}


def test_config_check_shows_configured_schemes(lonely: Cli, tmp_path: Path) -> None:
    table = '[[schemes]]\nname = "acme"\nkind = "webhook-hmac"\nsignature_header = "x-acme"\ntemplate = "{body}"\n'
    (tmp_path / "c.toml").write_text(table)
    env = {"COUNTERSEAL_CONFIG": "c.toml"}
    shown = lonely("config", "check", "--json", env=env).json()
    assert shown["configured_schemes"] == [{"name": "acme", "kind": "webhook-hmac"}]
    assert "acme" in shown["schemes"]
    assert "scheme acme: webhook-hmac, enabled" in lonely("config", "check", env=env).out
    chosen = lonely("config", "check", env=env | {"COUNTERSEAL_SCHEMES": "aws-sigv4"})
    assert "scheme acme: webhook-hmac, not enabled" in chosen.out
    (tmp_path / "c.toml").write_text(table + "nope = 1\n")
    refused = lonely("config", "check", env=env)
    assert (refused.code, "option nope" in refused.err) == (78, True)


def test_config_check_shows_no_secret(lonely: Cli, tmp_path: Path) -> None:
    master = _master_key("m1")
    digest = "ab" * 32
    (tmp_path / "c.toml").write_text(f'[[callers]]\nname = "edge"\nrole = "gateway"\ntoken_sha256 = "{digest}"\n')
    env = {
        "COUNTERSEAL_CONFIG": "c.toml",
        "COUNTERSEAL_MASTER_KEYS": master,
        "COUNTERSEAL_DATABASE_URL": "sqlite:///x.db",
        "COUNTERSEAL_TOKEN": "hidden-token",
        "COUNTERSEAL_SECRET": "hidden-secret",
    }
    for more in ((), ("--json",)):
        shown = lonely("config", "check", *more, env=env)
        assert shown.code == 0, shown.err
        assert "m1" in shown.out
        assert "token_sha256" not in shown.out
        assert "sqlite:///x.db" in shown.out
        for secret in (_key_part(master), digest, "hidden-token", "hidden-secret"):
            assert secret not in shown.out + shown.err


@pytest.mark.parametrize(
    "url",
    [
        "oracle://someone:hidden-word@db.example/keys",
        "sqlite:///x.db?password=hidden-word",
        "sqlite://someone:hidden-word@/x.db",
        "sqlite+pysqlcipher://:hidden-word@/x.db",
        "sqlite:///file:x.db?key=hidden-word",
        "sqlite://",
        "postgresql://someone:hidden-word@db.example:port/keys",
        "hidden-word",
    ],
)
def test_config_check_refuses_what_serve_refuses_and_quotes_nothing(lonely: Cli, tmp_path: Path, url: str) -> None:
    env = {"COUNTERSEAL_DATABASE_URL": url, "COUNTERSEAL_LISTEN": "127.0.0.1:0", "COUNTERSEAL_METRICS_LISTEN": ""}
    checked, served = lonely("config", "check", env=env), lonely("serve", env=env)
    for refused in (checked, served):
        assert refused.code == 78, refused.err
        assert "COUNTERSEAL_DATABASE_URL" in refused.err
        assert "hidden-word" not in refused.out + refused.err
    assert checked.out == ""
    assert not list(tmp_path.glob("*.db*"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/keys.db", "sqlite:////var/lib/keys.db"),
        ("postgresql://u:hidden@db.example:5432/keys?password=hidden", "postgresql://db.example:5432/keys"),
        ("postgresql:///keys?host=h&sslpassword=hidden", "postgresql:///keys"),
        ("postgresql://u:hidden@h:port/keys", "(not a database URL)"),
        ("hidden", "(not a database URL)"),
    ],
)
def test_a_database_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_the_command_lines_own_variables_do_not_stop_a_server(tmp_path: Path) -> None:
    names = ("SERVER", "TOKEN", "KEY_ID", "SECRET", "SECURITY_TOKEN")
    with running_server(tmp_path / "data", dict.fromkeys(names, "127.0.0.1:1")) as server:
        assert server.stop() == 0
