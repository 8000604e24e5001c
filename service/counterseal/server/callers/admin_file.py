"""The administrator's bearer token, generated into the data folder."""

import secrets
import stat
from pathlib import Path
from typing import Final

from counterseal.server.callers.bearer import is_bearer
from counterseal.server.errors import ConfigError
from counterseal.server.private_file import make_once

ADMIN_FILE: Final = "admin.token"
# The prefix lets secret scanners recognise a leaked one.
_SCANNER_PREFIX: Final = "counterseal_admin_"


def admin_token(data_dir: Path) -> str:
    """Return the administrator's bearer token, made at the first start. Only the file's owner can read it.

    Raises:
        ConfigError: the file is empty or garbled, others may read it, or the folder cannot be written.
    """
    path = data_dir / ADMIN_FILE
    try:
        make_once(path, lambda: f"{_SCANNER_PREFIX}{secrets.token_urlsafe(32)}\n".encode("ascii"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"COUNTERSEAL_DATA_DIR: {path} can be read by others; set its mode to 0600")
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise ConfigError(f"COUNTERSEAL_DATA_DIR: {path}: {error.strerror}") from None
    if not is_bearer(text):
        raise ConfigError(f"COUNTERSEAL_DATA_DIR: {path} holds no bearer token; remove it to have another made")
    return text
