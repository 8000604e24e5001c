"""Settings: every one has a default, a grammar and an error that names it; nothing unknown is ignored."""

import dataclasses
from pathlib import Path

import pytest

from counterseal.server.config import SETTINGS, load_config
from counterseal.server.errors import ConfigError
from counterseal.server.settings import Address

TOKEN_HASH = "ab" * 32
GATEWAY = f'[[callers]]\nname = "edge"\nrole = "gateway"\ntoken_sha256 = "{TOKEN_HASH}"\n'


def _load(toml: str = "", tmp_path: Path | None = None, /, **settings: str) -> object:
    environ = {f"COUNTERSEAL_{name}": value for name, value in settings.items()}
    path = None
    if toml:
        assert tmp_path is not None
        path = tmp_path / "counterseal.toml"
        path.write_text(toml)
    return load_config(environ, path)


def test_defaults() -> None:
    config = load_config({})
    assert config.listen == Address(host="127.0.0.1", port=50051)
    assert config.metrics_listen == Address(host="127.0.0.1", port=9464)
    assert config.data_dir == Path(".counterseal")
    assert config.database_url == "sqlite:///.counterseal/counterseal.db"
    assert config.master_keys is None
    assert config.schemes == ("aws-sigv4", "bearer", "rfc9421")
    assert (config.skew, config.threads, config.max_message_bytes) == (900, 8, 4_194_304)
    assert (config.cache_keys, config.cache_key_seconds, config.cache_scopes_per_key) == (10_000, 60, 16)
    assert (config.cache_negative, config.cache_negative_seconds) == (100_000, 60)
    assert (config.store_timeout, config.stop_grace, config.revoke_bound) == (5, 10, 1)
    assert (config.max_concurrent_calls, config.log_level, config.log_success_sample) == (1000, "info", 0.01)
    assert not config.tls
    assert not config.verify_requires_caller
    assert not config.allow_string_to_sign
    assert config.callers == ()


def test_every_setting_is_a_field() -> None:
    fields = {field.name for field in dataclasses.fields(load_config({}))}
    assert {name.lower() for name in SETTINGS} | {"callers", "configured_schemes", "oidc"} == fields


def test_environment_beats_file(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text('skew = 60\nthreads = 2\nverify_requires_caller = true\nschemes = ["aws-sigv4"]\nstore_timeout = 0.5\n')
    config = load_config({"COUNTERSEAL_CONFIG": str(path), "COUNTERSEAL_SKEW": "30"})
    assert (config.skew, config.threads, config.verify_requires_caller, config.store_timeout) == (30, 2, True, 0.5)


def test_metrics_can_be_switched_off() -> None:
    assert load_config({"COUNTERSEAL_METRICS_LISTEN": ""}).metrics_listen is None


@pytest.mark.parametrize("name", ["CONFIG", "SERVER", "TOKEN", "TEST_LOGS", "REQUIRE_ALL", "DEBUG"])
def test_names_that_are_no_settings_are_left_alone(name: str) -> None:
    assert load_config({f"COUNTERSEAL_{name}": ""}) == load_config({})


WRONG = [
    ("SKEW", "0"),
    ("SKEW", "3601"),
    ("SKEW", "6_0"),
    ("SKEW", " 60"),
    ("SKEW", "+60"),
    ("SKEW", "٦٠"),
    ("SKEW", "60.0"),
    ("SKEW", ""),
    ("THREADS", "0"),
    ("THREADS", "257"),
    ("CACHE_KEYS", "0"),
    ("CACHE_KEY_SECONDS", "-1"),
    ("CACHE_KEY_SECONDS", "0"),
    ("CACHE_NEGATIVE_SECONDS", "inf"),
    ("CACHE_NEGATIVE_SECONDS", "nan"),
    ("STORE_TIMEOUT", "1e1"),
    ("MAX_MESSAGE_BYTES", "65535"),
    ("MAX_CONCURRENT_CALLS", "0"),
    ("STOP_GRACE", "soon"),
    ("LOG_SUCCESS_SAMPLE", "1.1"),
    ("LOG_LEVEL", "INFO"),
    ("LOG_LEVEL", "trace"),
    ("VERIFY_REQUIRES_CALLER", "1"),
    ("VERIFY_REQUIRES_CALLER", "True"),
    ("ALLOW_STRING_TO_SIGN", "yes"),
    ("SCHEMES", ""),
    ("SCHEMES", "no-such-scheme"),
    ("SCHEMES", "aws-sigv4,aws-sigv4"),
    ("SCHEMES", "aws-sigv4,"),
    ("LISTEN", ""),
    ("LISTEN", "50051"),
    ("LISTEN", "example.com:50051"),
    ("LISTEN", "127.0.0.1"),
    ("LISTEN", "127.0.0.1:65536"),
    ("LISTEN", "127.0.0.1:-1"),
    ("LISTEN", "256.0.0.1:1"),
    ("LISTEN", "::1:50051"),
    ("METRICS_LISTEN", "localhost"),
    ("DATA_DIR", ""),
    ("DATABASE_URL", ""),
    ("MASTER_KEYS", ""),
    ("TLS_CERT", ""),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_an_error_that_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^COUNTERSEAL_{name}: "):
        _load(**{name: value})


@pytest.mark.parametrize(("text", "host", "loopback"), [
    ("127.0.0.1:1", "127.0.0.1", True),
    ("127.8.8.8:1", "127.8.8.8", True),
    ("localhost:1", "127.0.0.1", True),
    ("[::1]:1", "::1", True),
    ("0.0.0.0:1", "0.0.0.0", False),
    ("[::]:1", "::", False),
    ("10.0.0.1:1", "10.0.0.1", False),
])  # fmt: skip
def test_what_is_loopback(text: str, host: str, loopback: bool) -> None:
    from counterseal.server.settings import read_address

    address = read_address(text)
    assert (address.host, address.is_loopback) == (host, loopback)


def test_unknown_names_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_SKEWS: there is no such setting"):
        _load(SKEWS="1")
    with pytest.raises(ConfigError, match="there is no setting 'skews'"):
        _load("skews = 1", tmp_path)
    with pytest.raises(ConfigError, match="there is no setting 'SKEW'"):
        _load("SKEW = 1", tmp_path)


@pytest.mark.parametrize("toml", ["skew = [1]", "skew = {}", "skew = 2026-11-21", "skew =", "threads = [[1]]", "callers = 1"])
def test_toml_of_the_wrong_kind(toml: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        _load(toml, tmp_path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_CONFIG: cannot read"):
        load_config({"COUNTERSEAL_CONFIG": str(tmp_path / "absent.toml")})


def test_no_secret_is_shown() -> None:
    config = _load(MASTER_KEYS="mk:c2VjcmV0c2VjcmV0", DATABASE_URL="postgresql://user:hunter22@db/x")
    assert "c2VjcmV0" not in repr(config)
    assert "hunter22" not in repr(config)


def test_tls_settings_go_together(tmp_path: Path) -> None:
    for settings, name in (
        ({"TLS_CERT": "c"}, "TLS_KEY"),
        ({"TLS_KEY": "k"}, "TLS_CERT"),
        ({"TLS_CLIENT_CA": "a"}, "TLS_CLIENT_CA"),
    ):
        with pytest.raises(ConfigError, match=f"COUNTERSEAL_{name}"):
            _load(**settings)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "192.168.1.1:0"])
def test_other_addresses_need_tls_and_callers(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not loopback, so COUNTERSEAL_TLS_CERT"):
        _load(GATEWAY, tmp_path, LISTEN=address)
    with pytest.raises(ConfigError, match=r"not loopback, so at least one \[\[callers\]\]"):
        _load(LISTEN=address, TLS_CERT="c", TLS_KEY="k")
    _load(GATEWAY, tmp_path, LISTEN=address, TLS_CERT="c", TLS_KEY="k")


CALLERS_WRONG = [
    (f'[[callers]]\nrole = "gateway"\ntoken_sha256 = "{TOKEN_HASH}"', "name is required"),
    (f'[[callers]]\nname = "a"\ntoken_sha256 = "{TOKEN_HASH}"', "role must be"),
    (f'[[callers]]\nname = "a"\nrole = "root"\ntoken_sha256 = "{TOKEN_HASH}"', "role must be"),
    ('[[callers]]\nname = "a"\nrole = "gateway"', "needs token_sha256 or san"),
    ('[[callers]]\nname = "a"\nrole = "gateway"\ntoken_sha256 = "abc"', "token_sha256 must be"),
    (f'[[callers]]\nname = "a"\nrole = "gateway"\ntoken_sha256 = "{TOKEN_HASH.upper()}"', "token_sha256 must be"),
    ('[[callers]]\nname = "a"\nrole = "gateway"\nsan = ""', "san must be"),
    ('[[callers]]\nname = "a"\nrole = "gateway"\nsan = "edge"', "TLS_CLIENT_CA"),
    (f'[[callers]]\nname = "a b"\nrole = "gateway"\ntoken_sha256 = "{TOKEN_HASH}"', "name must be"),
    (GATEWAY.replace("edge", "admin-token"), "the name admin-token is the service's own"),
    (GATEWAY.replace("edge", "anonymous"), "the name anonymous is the service's own"),
    (GATEWAY + "tenants = []", "tenants must be a list of at least one"),
    (GATEWAY + "schemes = [1]", "schemes must be a list"),
    (GATEWAY + 'regions = ""', "regions must be a list"),
    (GATEWAY + 'services = [""]', "services must be a list"),
    (GATEWAY + 'string_to_sign = "yes"', "string_to_sign must be"),
    (GATEWAY + "lease = 1", "lease must be"),
    (GATEWAY + 'tenant = "a"', "there is no setting 'tenant'"),
    (GATEWAY + GATEWAY, "the same name"),
    (GATEWAY + GATEWAY.replace("edge", "other"), "the same token_sha256"),
]


@pytest.mark.parametrize(("toml", "words"), CALLERS_WRONG)
def test_wrong_callers(toml: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"callers.*{words}"):
        _load(toml, tmp_path)
