"""The `[[oidc]]` tables: strict, pinned, and shown by `config check`."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from counterseal.server.assembly.oidc import build_id_tokens
from counterseal.server.cli.config_command import config_group
from counterseal.server.config import load_config
from counterseal.server.errors import ConfigError
from counterseal.server.sessions.id_tokens import IdTokens
from counterseal.server.settings.oidc import ALGORITHMS, OidcSetting, read_oidc
from counterseal.server.store.engine import open_store
from counterseal.server.telemetry.log import open_log

LEAST: dict[str, Any] = {
    "issuer": "https://id.example",
    "audiences": ["shop"],
    "jwks_url": "https://id.example/keys",
    "principal_prefix": "id:",
}
TOML = """
[[oidc]]
issuer = "https://id.example"
audiences = ["shop", "shop-app"]
jwks_url = "http://127.0.0.1:1/keys"
algorithms = ["EdDSA"]
tenant = "acme"
principal_claim = "email"
principal_prefix = ""
"""


def _read(**changes: Any) -> OidcSetting:
    (setting,) = read_oidc([{name: value for name, value in (LEAST | changes).items() if value is not None}])
    return setting


def test_defaults() -> None:
    assert _read() == OidcSetting(
        issuer="https://id.example",
        audiences=frozenset({"shop"}),
        jwks_url="https://id.example/keys",
        algorithms=frozenset({"RS256", "ES256"}),
        tenant="default",
        principal_claim="sub",
        principal_prefix="id:",
    )


def test_plumbing(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(TOML)
    (setting,) = load_config({}, tmp_path / "c.toml").oidc
    assert setting == OidcSetting(
        issuer="https://id.example",
        audiences=frozenset({"shop", "shop-app"}),
        jwks_url="http://127.0.0.1:1/keys",
        algorithms=frozenset({"EdDSA"}),
        tenant="acme",
        principal_claim="email",
        principal_prefix="",
    )
    assert load_config({}).oidc == ()


def test_every_public_key_algorithm_can_be_pinned() -> None:
    assert _read(algorithms=list(ALGORITHMS)).algorithms == frozenset(ALGORITHMS)


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example:8443/realms/a/protocol/openid-connect/certs?x=1",
        "http://localhost:8080/certs",
        "http://127.0.0.1/certs",
        "http://127.9.9.9/certs",
        "http://[::1]:8080/certs",
    ],
)
def test_addresses_of_keys(url: str) -> None:
    assert _read(jwks_url=url).jwks_url == url


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"issuer": None}, "issuer is required"),
        ({"issuer": ""}, "issuer must be"),
        ({"issuer": "https://id.example "}, "issuer must be"),
        ({"issuer": ["https://id.example"]}, "issuer must be"),
        ({"audiences": None}, "audiences must be a list of at least one"),
        ({"audiences": []}, "audiences must be a list of at least one"),
        ({"audiences": "shop"}, "audiences must be a list"),
        ({"audiences": [""]}, "audiences must be a list"),
        ({"audiences": ["shop", "shop"]}, "each once"),
        ({"audiences": ["shop", 7]}, "audiences must be a list"),
        ({"jwks_url": None}, "jwks_url is required"),
        ({"jwks_url": "id.example/keys"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https:///keys"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https://id.example:99999/keys"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https://id.example/a b"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https://id.example/" + "k" * 2048}, "jwks_url must be an https URL"),
        ({"jwks_url": "http://id.example/keys"}, "http is for loopback addresses alone"),
        ({"jwks_url": "http://localhost.id.example/keys"}, "http is for loopback addresses alone"),
        ({"jwks_url": "http://127.0.0.1.id.example/keys"}, "http is for loopback addresses alone"),
        ({"jwks_url": "http://10.0.0.1/keys"}, "http is for loopback addresses alone"),
        ({"jwks_url": "file:///etc/passwd"}, "jwks_url must be"),
        ({"jwks_url": "ftp://localhost/keys"}, "jwks_url must be https"),
        ({"jwks_url": "http://127.0.0.1@id.example/keys"}, "no user, no password"),
        ({"jwks_url": "https://id.example/keys#x"}, "no fragment"),
        ({"algorithms": []}, "algorithms must be a list of at least one"),
        ({"algorithms": ["none"]}, "none is no signature"),
        ({"algorithms": ["RS256", "NONE"]}, "NONE is no signature"),
        ({"algorithms": ["HS256"]}, "HS256 is refused"),
        ({"algorithms": ["RS256", "hs512"]}, "hs512 is refused"),
        ({"algorithms": ["rs256"]}, "algorithms must be among RS256"),
        ({"algorithms": ["ES256K"]}, "algorithms must be among"),
        ({"algorithms": "RS256"}, "algorithms must be a list"),
        ({"tenant": ""}, "tenant must be"),
        ({"tenant": "a/b"}, "tenant must be"),
        ({"principal_claim": ""}, "principal_claim must be"),
        ({"principal_claim": "aud"}, "principal_claim aud names nobody"),
        ({"principal_claim": "iss"}, "principal_claim iss names nobody"),
        ({"principal_prefix": None}, "principal_prefix is required"),
        ({"principal_prefix": ":"}, "a letter or a digit first"),
        ({"principal_prefix": "a b"}, "principal_prefix must be"),
        ({"principal_prefix": "a" * 65}, "principal_prefix must be"),
        ({"client_secret": "x"}, "there is no setting 'client_secret'"),
        ({"audience": "shop"}, "there is no setting 'audience'"),
    ],
)
def test_what_is_refused_at_start(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        _read(**changes)
    assert str(caught.value).startswith("oidc[0]: ")


@pytest.mark.parametrize("tables", ["x", {}, ["x"], [[]], None])
def test_what_is_no_table(tables: object) -> None:
    with pytest.raises(ConfigError, match=r"must be \[\[oidc\]\] tables"):
        read_oidc(tables)


def test_an_issuer_is_configured_once() -> None:
    with pytest.raises(ConfigError, match="two entries have the same issuer"):
        read_oidc([LEAST, LEAST | {"tenant": "other"}])


@pytest.mark.parametrize(("one", "other"), [("id:", "id:"), ("id:", "id:b:"), ("id:b:", "id:"), ("", "id:"), ("", "")])
def test_no_issuer_can_name_principals_of_another(one: str, other: str) -> None:
    first, second = LEAST | {"principal_prefix": one}, LEAST | {"principal_prefix": other, "issuer": "https://other.example"}
    with pytest.raises(ConfigError, match="of another issuer in the same tenant"):
        read_oidc([first, second])
    assert len(read_oidc([first, second | {"tenant": "other"}])) == 2


def test_config_check_shows_the_issuers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.toml").write_text(TOML)
    monkeypatch.setenv("COUNTERSEAL_CONFIG", str(tmp_path / "c.toml"))
    monkeypatch.setenv("COUNTERSEAL_DATA_DIR", str(tmp_path / "data"))
    shown = CliRunner().invoke(config_group, ["check"])
    assert shown.exit_code == 0
    (line,) = [line for line in shown.stdout.splitlines() if line.startswith("oidc ")]
    assert line.startswith("oidc https://id.example: ")
    for part in (
        "audiences shop, shop-app",
        "jwks_url http://127.0.0.1:1/keys",
        "algorithms EdDSA",
        "tenant acme",
        "email",
        "(none)",
    ):
        assert part in line
    (issuer,) = json.loads(CliRunner().invoke(config_group, ["check", "--json"]).stdout)["oidc"]
    assert issuer == {
        "issuer": "https://id.example",
        "audiences": ["shop", "shop-app"],
        "jwks_url": "http://127.0.0.1:1/keys",
        "algorithms": ["EdDSA"],
        "tenant": "acme",
        "principal_claim": "email",
        "principal_prefix": "",
    }


def test_without_pyjwt_a_configured_issuer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.toml").write_text(TOML)
    monkeypatch.setenv("COUNTERSEAL_CONFIG", str(tmp_path / "c.toml"))
    monkeypatch.setenv("COUNTERSEAL_DATA_DIR", str(tmp_path / "data"))
    store, log = open_store(f"sqlite:///{tmp_path}/k.db", timeout=5), open_log("error")
    try:
        with_issuer, without = load_config({}, tmp_path / "c.toml"), load_config({})
        assert isinstance(build_id_tokens(with_issuer, store, log, lambda: 0.0), IdTokens)
        monkeypatch.setitem(__import__("sys").modules, "jwt", None)
        assert build_id_tokens(without, store, log, lambda: 0.0) is None
        with pytest.raises(ConfigError, match="needs the extra `oidc`"):
            build_id_tokens(with_issuer, store, log, lambda: 0.0)
    finally:
        store.close()
    refused = CliRunner().invoke(config_group, ["check"])
    assert isinstance(refused.exception, ConfigError)
