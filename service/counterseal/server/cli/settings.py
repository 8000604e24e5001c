"""The server's settings, for the commands that run on the server's side: `serve`, `db`, `secrets`, `config`."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from counterseal.server.config import Config
    from counterseal.server.keys.master import MasterKeys

# Set for this command line as a client. The server knows none of them, and refuses names that it does not know.
CLIENT_VARIABLES: Final = frozenset(
    {"COUNTERSEAL_SERVER", "COUNTERSEAL_TOKEN", "COUNTERSEAL_KEY_ID", "COUNTERSEAL_SECRET", "COUNTERSEAL_SECURITY_TOKEN"}
)


def read_settings(environ: Mapping[str, str] | None = None) -> "Config":
    """Return the settings of the environment and of the file that COUNTERSEAL_CONFIG names.

    Raises:
        ConfigError: names the setting.
    """
    from counterseal.server.config import load_config

    given = os.environ if environ is None else environ
    return load_config({name: value for name, value in given.items() if name not in CLIENT_VARIABLES})


def read_master_keys(config: "Config") -> "MasterKeys":
    """Return the master keys. They are not made here when there are none: only a server that starts does that.

    Raises:
        ConfigError: there are none, or they cannot be read.
    """
    from counterseal.server.keys.master import MasterKeys

    if config.master_keys is not None:
        return MasterKeys.parse(config.master_keys)
    return MasterKeys.load(config.data_dir / "master.keys")
