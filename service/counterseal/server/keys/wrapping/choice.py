"""From the setting to a wrapper: `file:/path`, `env:NAME`, `aws-kms:KEY`, or a plug-in's `name:...`.

Several, separated by commas: the first one wraps, and all of them open. That is how a ring moves from one to another.
"""

import os
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.keys.wrapping import aws_kms, local
from counterseal.server.keys.wrapping.base import SETTING, KeyWrapper

# A plug-in is an entry point of this group: called with what follows the colon, it returns a KeyWrapper, and raises ValueError
# when it cannot. It is imported only when the setting names it.
GROUP: Final = "counterseal.key_wrappers"
_BUILT_IN: Final = ("file", "env", "aws-kms")
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


class SeveralWrappers:
    """Wraps with the first, unwraps with whichever can."""

    def __init__(self, wrappers: Sequence[KeyWrapper]) -> None:
        """At least one."""
        self._wrappers = tuple(wrappers)

    def wrap(self, key: bytes, *, master_key_id: str) -> bytes:
        """See KeyWrapper."""
        return self._wrappers[0].wrap(key, master_key_id=master_key_id)

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        """See KeyWrapper. One that does not answer stops nothing if another opens it; else it may have been the one."""
        refusals, outage = [], None
        for wrapper in self._wrappers:
            try:
                return wrapper.unwrap(wrapped, master_key_id=master_key_id)
            except ConfigError as error:
                refusals.append(str(error).removeprefix(f"{SETTING}: "))
            except StoreUnavailable as error:
                outage = outage or error
        raise outage or ConfigError(f"{SETTING}: " + "; ".join(refusals))


def find_wrapper(setting: str | None, data_dir: Path, environ: Mapping[str, str] | None = None) -> KeyWrapper | None:
    """Return what the setting names; None without a setting. `environ` is this process's environment unless given.

    Raises:
        ConfigError: the setting cannot be read, or what it names cannot be used.
    """
    if setting is None:
        return None
    given = os.environ if environ is None else environ
    found = [_open(kind, rest, data_dir, given) for kind, rest in _parts(setting)]
    return found[0] if len(found) == 1 else SeveralWrappers(found)


def kinds_of(setting: str | None) -> list[str]:
    """Return the kinds of wrapping that the setting names, in its order: all of it that is fit to be shown.

    Raises:
        ConfigError: the setting cannot be read.
    """
    return [] if setting is None else [kind for kind, _ in _parts(setting)]


def _parts(setting: str) -> list[tuple[str, str]]:
    parts = []
    for number, part in enumerate(setting.split(","), 1):
        kind, colon, rest = part.strip().partition(":")
        # Not quoted: somebody may have put the key itself here.
        if not colon or not rest or not _KIND.fullmatch(kind):
            raise ConfigError(f"{SETTING}: entry {number}: must be file:/path, env:NAME or aws-kms:KEY")
        parts.append((kind, rest))
    return parts


def _open(kind: str, rest: str, data_dir: Path, environ: Mapping[str, str]) -> KeyWrapper:
    if kind == "file":
        return local.read_file(rest, data_dir)
    if kind == "env":
        return local.read_variable(rest, environ)
    if kind == "aws-kms":
        return aws_kms.open_kms(rest)
    return _plugged(kind, rest)


def _plugged(kind: str, rest: str) -> KeyWrapper:
    offered = [entry for entry in entry_points(group=GROUP) if entry.name == kind]
    if not offered:
        raise ConfigError(f"{SETTING}: there is no such kind of wrapping; known: {', '.join(_BUILT_IN)}")
    if len(offered) > 1:
        raise ConfigError(f"{SETTING}: {kind}: offered more than once; remove the packages that should not offer it")
    where = f"{SETTING}: {kind}: the plug-in {offered[0].value}"
    try:
        found: KeyWrapper = offered[0].load()(rest)
    except Exception as error:  # whatever a stranger's module raises; its text could hold anything
        raise ConfigError(f"{where} cannot be used ({type(error).__name__})") from error
    if not callable(getattr(found, "wrap", None)) or not callable(getattr(found, "unwrap", None)):
        raise ConfigError(f"{where} makes no key wrapper: it needs wrap and unwrap")
    return found
