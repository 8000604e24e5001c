"""Fuzz targets for what operators write: settings, master keys, times on a command line; and for secrets at rest."""

import atexit
import datetime as dt
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import click

from counterseal.server.cli import times
from counterseal.server.config import PREFIX, SETTINGS, load_config
from counterseal.server.errors import ConfigError, SealBroken
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.schemes import KINDS, TUNED
from tests.fuzz.checks import check

NAMES = sorted(SETTINGS)
RING = MasterKeys(active="mk-1", keys={"mk-1": bytes(range(32)), "mk-0": bytes(32)})
CIPHER = SecretCipher(RING)


def at_rest(data: bytes) -> None:
    """Open a sealed secret, and read a ring of master keys."""
    try:
        CIPHER.is_current(data)
        CIPHER.unseal(data, tenant="t", key_id="k", version=2)
    except SealBroken:
        pass
    else:
        check(False, "nothing opens that was sealed for another version")
    try:
        ring = MasterKeys.parse(data.decode("latin-1"))
    except ConfigError as error:
        check(len(str(error)) < 200, "an error does not quote the entries")
        return
    check(bool(ring.keys) and all(len(key) == 32 for key in ring.keys.values()), "master keys have their length")
    check(MasterKeys.parse(ring.text()) == ring, "a ring prints back to what reads the same")


def sealed_and_rings() -> set[bytes]:
    found = {CIPHER.seal(b"s" * size, tenant="t", key_id="k", version=1) for size in (0, 1, 40)}
    return found | {RING.text().encode(), RING.text().replace("\n", ",").encode(), b"\x01\x04mk-9", b"a:,b:", b""}


def settings(data: bytes) -> None:
    """Read one setting of the environment, the first byte says which, and the same bytes as a file."""
    which, text = NAMES[data[0] % len(NAMES)] if data else NAMES[0], data[1:]
    try:
        config = load_config({PREFIX + which: text.decode("utf-8", "surrogateescape")})
    except ConfigError as error:
        check(PREFIX + which in str(error) or "TLS_" in str(error), "an error names the setting")
    else:
        check(config.listen.is_loopback, "no other address without TLS")
        check(1 <= config.skew <= 3600 and 0 < config.cache_key_seconds <= 86_400, "limits hold")
    path = _folder() / "settings.toml"
    path.write_bytes(text)
    try:
        config = load_config({}, path)
    except ConfigError:
        return
    check(config.listen.is_loopback or (config.tls and bool(config.callers)), "no other address without TLS and callers")


@cache
def _folder() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="counterseal-fuzz-settings-")
    atexit.register(kept.cleanup)
    return Path(kept.name)


def settings_seeds() -> set[bytes]:
    found = {bytes([number]) + (SETTINGS[name][1] or "x").encode() for number, name in enumerate(NAMES)}
    caller = '[[callers]]\nname = "g"\nrole = "gateway"\ntoken_sha256 = "' + "0" * 64 + '"\ntenants = ["a"]\n'
    files = [caller, f"skew = 60\nlisten = '127.0.0.1:0'\n{caller}", "threads = 0x" + "f" * 4000, "skew = " + "[" * 2000]
    files += ["store_timeout = nan", "stop_grace = inf", "schemes = ['aws-sigv4']", "log_level = 1979-05-27", "callers = 1"]
    files.append("[[callers]]\nname = 'a'\nrole = []\nsan = 'a'\n")
    for kind in (*KINDS, *TUNED):
        files.append(f"[[schemes]]\nname = '{kind}'\nkind = '{kind}'\nsignature_header = 'x-a'\ntemplate = '{{body}}'\n")
    return found | {b"\x00" + text.encode() for text in files}


def cli_times(data: bytes) -> None:
    """Read a time and a duration off a command line."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        time = times.read_time(text)
        check(time.tzinfo is dt.UTC and text.isascii(), "times are in UTC")
        check(times.read_time(time.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")) == time, "a time prints back")
    except ValueError:
        pass
    with suppress(ValueError):
        check(times.read_duration(text) >= dt.timedelta(seconds=1), "a duration is at least a second")
    for option in (times.time_option, times.duration_option):
        with suppress(click.BadParameter):
            option(text)


def cli_times_seeds() -> set[bytes]:
    stamps = {
        b"2027-01-31T12:00:00Z",
        b"0001-01-01T00:00:00+23:59",
        b"9999-12-31T23:59:59.999999-23:59",
        b"2024-02-30T00:00:00Z",
    }
    return stamps | {b"30d", b"1h30m", b"999999999w", b"1w2d3h4m5s", b"0s", b"2027-01-31T12:00:00.5+24:00"}
