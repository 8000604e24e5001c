"""The server's settings, for the commands that run on the server's side: `serve`, `db`, `secrets`, `config`."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from counterseal.server.config import Config
    from counterseal.server.keys.master import MasterKeys
    from counterseal.server.keys.ring_text import RingEntry

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
    """Return the master keys, unwrapped. They are not made here when there are none: only a server that starts does that.

    Raises:
        ConfigError: there are none, or they cannot be read or unwrapped.
        StoreUnavailable: what unwraps them does not answer.
    """
    from counterseal.server.keys.master import FILE_NAME, MasterKeys
    from counterseal.server.keys.wrapping import find_wrapper

    wrapper = find_wrapper(config.key_wrapping, config.data_dir)
    if config.master_keys is not None:
        return MasterKeys.parse(config.master_keys, wrapper=wrapper)
    return MasterKeys.load(config.data_dir / FILE_NAME, wrapper=wrapper)


def read_ring_entries(config: "Config") -> "tuple[RingEntry, ...] | None":
    """Return the ring as it is kept, nothing unwrapped; None when there is none yet: `serve` makes one when it first starts.

    Raises:
        ConfigError: it cannot be read.
    """
    from counterseal.server.keys.master import FILE_NAME
    from counterseal.server.keys.ring_file import SETTING, read_ring
    from counterseal.server.keys.ring_text import read_entries

    if config.master_keys is not None:
        return read_entries(config.master_keys, SETTING)
    path = config.data_dir / FILE_NAME
    return read_ring(path) if path.exists() else None
