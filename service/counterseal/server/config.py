"""Settings: read once at start from the environment and a TOML file, then frozen.

The environment (`COUNTERSEAL_<NAME>`) beats the file that `COUNTERSEAL_CONFIG` names (lower-case names). A name that nobody
knows is an error: a mistyped setting that is silently ignored is a limit that silently does not hold.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from counterseal.server.errors import ConfigError
from counterseal.server.high_water import FILE_NAME as HIGH_WATER
from counterseal.server.schemes import find_schemes
from counterseal.server.settings import (
    Address,
    CallerSetting,
    SchemeSetting,
    read_address,
    read_callers,
    read_scheme_tables,
    reader,
)
from counterseal.server.settings.oidc import OidcSetting, read_oidc
from counterseal.server.settings.replay import read_exempt_schemes, read_methods
from counterseal.server.settings.schemes import read_names

PREFIX: Final = "COUNTERSEAL_"
# Names under the prefix that belong to the command line, to the tests, or to this module itself.
_NOT_SETTINGS: Final = frozenset({"CONFIG", "DEBUG", "SERVER", "TOKEN", "REQUIRE_ALL"})
_TEST_PREFIX: Final = "TEST_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting of a server, read and checked. Times are seconds, sizes bytes unless a name says otherwise."""

    listen: Address
    metrics_listen: Address | None
    data_dir: Path
    # How far this server has seen its store come; `high-water` in the data folder unless it lies elsewhere.
    high_water_file: Path
    # May carry a password.
    database_url: str = field(repr=False)
    # `id:base64[,id:base64...]`, the first is active. None: the file `master.keys` in the data folder.
    master_keys: str | None = field(repr=False)
    # The enabled ones, by name. Those out of `[[schemes]]` stand in `configured_schemes`.
    schemes: tuple[str, ...]
    skew: int
    cache_keys: int
    cache_key_seconds: float
    cache_scopes_per_key: int
    cache_negative: int
    cache_negative_seconds: float
    store_timeout: float
    # Connections to the database, for reading and for writing each.
    database_pool: int
    # `auto`, or `poll` where the database can wake nobody.
    feed: str
    # How long keys in the cache are trusted while the store does not answer, beyond the revocation bound.
    outage_grace: float
    workers: int
    pin_workers: bool
    # After how long a worker asks a connection to end, so that the next one goes to any of them. 0: never.
    max_connection_age: float
    # `off`, `memory`, `sql` or `redis`.
    replay: str
    # May carry a password.
    replay_url: str | None = field(repr=False)
    replay_entries: int
    replay_exempt_methods: tuple[str, ...]
    replay_exempt_schemes: tuple[str, ...]
    # `refuse`, `strict` or `accept` what may have been used before the guard's memory began.
    replay_cold_start: str
    # `file:/path`, `env:NAME` or `aws-kms:KEY`; None: master keys are not wrapped.
    key_wrapping: str | None
    # 0: nobody is locked out.
    lockout_failures: int
    lockout_seconds: float
    # Failures to sign in for one principal from one source within the time, before that source is refused for that principal.
    # Ten times as many: a principal is refused to everybody, a source for everybody.
    sign_in_failures: int
    sign_in_seconds: float
    # How many passwords are hashed at once; each takes 64 MiB while it lasts.
    sign_ins_at_once: int
    # How long a session lasts at most, and without being refreshed; and a bearer token and a registered key of it.
    session_seconds: float
    session_idle_seconds: float
    access_token_seconds: float
    session_key_seconds: float
    # 0: uses are not written down.
    last_use_interval: float
    max_message_bytes: int
    threads: int
    max_concurrent_calls: int
    stop_grace: float
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    verify_requires_caller: bool
    allow_string_to_sign: bool
    allow_lease: bool
    log_level: str
    log_success_sample: float
    revoke_bound: float
    callers: tuple[CallerSetting, ...]
    configured_schemes: tuple[SchemeSetting, ...] = ()
    oidc: tuple[OidcSetting, ...] = ()

    @property
    def tls(self) -> bool:
        """Whether the listener speaks TLS."""
        return self.tls_cert is not None


_DAY: Final = 86_400
# name -> (reader, default). A default of None means absent; every other default is read like a given value.
SETTINGS: Final[Mapping[str, tuple[reader.Reader, str | None]]] = {
    "LISTEN": (read_address, "127.0.0.1:50051"),
    "METRICS_LISTEN": (reader.optional(read_address), "127.0.0.1:9464"),
    "DATA_DIR": (reader.path, ".counterseal"),
    "HIGH_WATER_FILE": (reader.path, None),
    "DATABASE_URL": (reader.text, None),
    "MASTER_KEYS": (reader.text, None),
    "SCHEMES": (read_names, "aws-sigv4,bearer,rfc9421"),
    "SKEW": (reader.integer(1, 3600), "900"),
    "CACHE_KEYS": (reader.integer(1, 10_000_000), "10000"),
    "CACHE_KEY_SECONDS": (reader.seconds(0.001, _DAY), "60"),
    "CACHE_SCOPES_PER_KEY": (reader.integer(1, 10_000), "16"),
    "CACHE_NEGATIVE": (reader.integer(1, 100_000_000), "100000"),
    "CACHE_NEGATIVE_SECONDS": (reader.seconds(0.001, 3600), "60"),
    "STORE_TIMEOUT": (reader.seconds(0.01, 300), "5"),
    "DATABASE_POOL": (reader.integer(1, 1000), "16"),
    "FEED": (reader.one_of("auto", "poll"), "auto"),
    "OUTAGE_GRACE": (reader.seconds(0, _DAY), "0"),
    "WORKERS": (reader.integer(1, 256), "1"),
    "PIN_WORKERS": (reader.flag, "false"),
    "MAX_CONNECTION_AGE": (reader.seconds(0, _DAY), "60"),
    "REPLAY": (reader.one_of("off", "memory", "sql", "redis"), "off"),
    "REPLAY_URL": (reader.text, None),
    "REPLAY_ENTRIES": (reader.integer(1, 1_000_000_000), "1000000"),
    "REPLAY_EXEMPT_METHODS": (read_methods, "GET,HEAD,OPTIONS"),
    "REPLAY_EXEMPT_SCHEMES": (read_exempt_schemes, ""),
    "REPLAY_COLD_START": (reader.one_of("refuse", "strict", "accept"), "refuse"),
    "KEY_WRAPPING": (reader.text, None),
    "LOCKOUT_FAILURES": (reader.integer(0, 1_000_000), "0"),
    "LOCKOUT_SECONDS": (reader.seconds(1, _DAY), "300"),
    "SIGN_IN_FAILURES": (reader.integer(1, 1_000_000), "5"),
    "SIGN_IN_SECONDS": (reader.seconds(1, _DAY), "900"),
    "SIGN_INS_AT_ONCE": (reader.integer(1, 256), "2"),
    "SESSION_SECONDS": (reader.seconds(1, 365 * _DAY), "43200"),
    "SESSION_IDLE_SECONDS": (reader.seconds(1, 365 * _DAY), "3600"),
    "ACCESS_TOKEN_SECONDS": (reader.seconds(1, _DAY), "900"),
    "SESSION_KEY_SECONDS": (reader.seconds(1, _DAY), "3600"),
    "LAST_USE_INTERVAL": (reader.seconds(0, _DAY), "60"),
    "MAX_MESSAGE_BYTES": (reader.integer(65_536, 1_073_741_824), "4194304"),
    "THREADS": (reader.integer(1, 256), "8"),
    "MAX_CONCURRENT_CALLS": (reader.integer(1, 1_000_000), "1000"),
    "STOP_GRACE": (reader.seconds(0, 3600), "10"),
    "TLS_CERT": (reader.path, None),
    "TLS_KEY": (reader.path, None),
    "TLS_CLIENT_CA": (reader.path, None),
    "VERIFY_REQUIRES_CALLER": (reader.flag, "false"),
    "ALLOW_STRING_TO_SIGN": (reader.flag, "false"),
    "ALLOW_LEASE": (reader.flag, "false"),
    "LOG_LEVEL": (reader.one_of("debug", "info", "warning", "error"), "info"),
    "LOG_SUCCESS_SAMPLE": (reader.seconds(0, 1), "0.01"),
    "REVOKE_BOUND": (reader.seconds(0.1, 3600), "1"),
}


def load_config(environ: Mapping[str, str], toml_path: Path | None = None) -> Config:
    """Read every setting from `environ` and from the TOML file, if there is one.

    Raises:
        ConfigError: a setting is unknown, missing or outside its limits; the text names it, and never quotes a secret.
    """
    path = toml_path or (Path(environ[PREFIX + "CONFIG"]) if environ.get(PREFIX + "CONFIG") else None)
    document = _read_toml(path) if path else {}
    callers = read_callers(document.pop("callers", []))
    oidc = read_oidc(document.pop("oidc")) if "oidc" in document else ()
    configured = _take_scheme_tables(document)
    given = {**_from_toml(document), **_from_environ(environ)}
    if "SCHEMES" not in given and configured:
        # Whoever writes a table wants its scheme; whoever names the schemes as well has said exactly which.
        default = SETTINGS["SCHEMES"][1]
        given["SCHEMES"] = ",".join(dict.fromkeys([*(default or "").split(","), *(scheme.name for scheme in configured)]))
    values: dict[str, Any] = {
        name.lower(): _read(name, read, given.get(name, default)) for name, (read, default) in SETTINGS.items()
    }
    if values["high_water_file"] is None:
        values["high_water_file"] = values["data_dir"] / HIGH_WATER
    if values["database_url"] is None:
        values["database_url"] = f"sqlite:///{values['data_dir'] / 'counterseal.db'}"
    config = Config(**values, callers=callers, configured_schemes=configured, oidc=oidc)
    _check_together(config)
    return config


def _take_scheme_tables(document: dict[str, Any]) -> tuple[SchemeSetting, ...]:
    """Take the tables out of `schemes`, which holds names, tables, or both: a list of both enables the tables' schemes also."""
    given = document.get("schemes")
    if not isinstance(given, list) or not any(isinstance(entry, dict) for entry in given):
        return ()
    tables = [entry for entry in given if isinstance(entry, dict)]
    names = [entry for entry in given if not isinstance(entry, dict)]
    configured = read_scheme_tables(tables)
    del document["schemes"]
    if names:
        document["schemes"] = [*names, *(scheme.name for scheme in configured)]
    return configured


def _read(name: str, read: reader.Reader, value: str | None) -> object:
    if value is None:
        return None
    try:
        return read(value)
    except ValueError as error:
        raise ConfigError(f"{PREFIX}{name}: {error}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{PREFIX}CONFIG: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        # The position is kept; tomllib quotes at most one character of the file.
        raise ConfigError(f"{PREFIX}CONFIG: {path} is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{PREFIX}CONFIG: {path} is nested too deeply") from None


def _from_toml(document: Mapping[str, Any]) -> dict[str, str]:
    given = {}
    for name, value in document.items():
        if name.upper() not in SETTINGS or name != name.lower():
            raise ConfigError(f"{PREFIX}CONFIG: there is no setting {name!r}")
        given[name.upper()] = _as_text(name, value)
    return given


def _as_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    # TOML promises 64 bits; Python reads more, and may then refuse to print it.
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
        return repr(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise ConfigError(f"{PREFIX}CONFIG: {name}: must be text, a number, true or false")


def _from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    given = {}
    for name, value in environ.items():
        short = name.removeprefix(PREFIX)
        if short == name or short in _NOT_SETTINGS or short.startswith(_TEST_PREFIX):
            continue
        if short not in SETTINGS:
            raise ConfigError(f"{name}: there is no such setting")
        given[short] = value
    return given


def _check_together(config: Config) -> None:
    """Refuse settings that are sound alone and unsafe together (DESIGN section 8), and names without a scheme."""
    find_schemes(config.schemes, config.configured_schemes)
    _check_replay(config)
    if (config.tls_cert is None) != (config.tls_key is None):
        raise ConfigError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY: set both or neither")
    if config.tls_client_ca is not None and not config.tls:
        raise ConfigError(f"{PREFIX}TLS_CLIENT_CA: needs {PREFIX}TLS_CERT and {PREFIX}TLS_KEY")
    if any(caller.san for caller in config.callers) and config.tls_client_ca is None:
        raise ConfigError(f"callers: a caller known by `san` needs {PREFIX}TLS_CLIENT_CA")
    if not config.listen.is_loopback:
        if not config.tls:
            raise ConfigError(
                f"{PREFIX}LISTEN: {config.listen} is not loopback, so {PREFIX}TLS_CERT and {PREFIX}TLS_KEY are required"
            )
        if not config.callers:
            raise ConfigError(f"{PREFIX}LISTEN: {config.listen} is not loopback, so at least one [[callers]] entry is required")


def _check_replay(config: Config) -> None:
    if config.replay == "memory" and config.workers > 1:
        raise ConfigError(
            f"{PREFIX}REPLAY: memory is one process's own, so with {PREFIX}WORKERS={config.workers} a request sent to another"
            f" worker would pass again; set it to sql or redis, or {PREFIX}WORKERS to 1"
        )
    if config.replay == "redis" and config.replay_url is None:
        raise ConfigError(f"{PREFIX}REPLAY: redis needs {PREFIX}REPLAY_URL")
    if config.replay != "redis" and config.replay_url is not None:
        raise ConfigError(f"{PREFIX}REPLAY_URL: is of use with {PREFIX}REPLAY=redis alone, which is {config.replay}")
    for name in config.replay_exempt_schemes:
        if name not in config.schemes:
            raise ConfigError(f"{PREFIX}REPLAY_EXEMPT_SCHEMES: {name!r} is not among {PREFIX}SCHEMES")
