"""TLS to MySQL and MariaDB, out of the parameters of a URL.

PyMySQL's own reading of them is not used: a CA alone would not make it check the server's certificate.
"""

import ssl
from collections.abc import Mapping
from typing import Final

from counterseal.server.errors import ConfigError

_BOOLEAN: Final = frozenset({"ssl", "ssl_check_hostname", "ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"})
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
# `ssl_check_hostname` and `ssl_verify_identity` are the same, as SQLAlchemy and PyMySQL call it.
NAMES: Final = frozenset(
    {
        *("ssl", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_check_hostname", "ssl_cipher", "ssl_disabled", "ssl_key"),
        *("ssl_key_password", "ssl_verify_cert", "ssl_verify_identity"),
    }
)


def read_tls(given: Mapping[str, str]) -> dict[str, object]:
    """Return PyMySQL's arguments. Without any parameter, TLS is used where the server has it, and nothing is checked.

    Raises:
        ConfigError: a parameter is wrong, or names a file that cannot be used.
    """
    flags = {name: _flag(name, value) for name, value in given.items() if name in _BOOLEAN}
    if flags.get("ssl_disabled"):
        return {"ssl_disabled": True}
    if not given or flags.get("ssl") is False:
        return {}
    try:
        context = ssl.create_default_context(cafile=given.get("ssl_ca"), capath=given.get("ssl_capath"))
        if "ssl_cert" in given:
            context.load_cert_chain(given["ssl_cert"], given.get("ssl_key"), given.get("ssl_key_password"))
        if "ssl_cipher" in given:
            context.set_ciphers(given["ssl_cipher"])
    except OSError as error:  # ssl.SSLError too
        raise ConfigError(f"COUNTERSEAL_DATABASE_URL: ssl parameters: {error.strerror or 'cannot be used'}") from None
    if not flags.get("ssl_check_hostname", flags.get("ssl_verify_identity", True)):
        context.check_hostname = False
    if not flags.get("ssl_verify_cert", True):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return {"ssl": context}


def _flag(name: str, value: str) -> bool:
    found = _FLAGS.get(value.lower())
    if found is None:
        raise ConfigError(f"COUNTERSEAL_DATABASE_URL: {name} must be true or false")
    return found
