"""The data folder: for its owner alone, and with the master keys that belong to the store."""

import stat
from pathlib import Path

from counterseal.server.config import Config
from counterseal.server.errors import ConfigError
from counterseal.server.keys.canary import in_use
from counterseal.server.keys.master import FILE_NAME, MasterKeys
from counterseal.server.keys.wrapping import find_wrapper
from counterseal.server.store.keystore import KeyStore


def make_folder(data_dir: Path) -> None:
    """Make the data folder for its owner alone. One that is there and open to others is left as it is.

    Raises:
        ConfigError: it is open to others, or cannot be made.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(data_dir.stat().st_mode)
    except OSError as error:
        raise ConfigError(f"COUNTERSEAL_DATA_DIR: cannot make {data_dir}: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigError(f"COUNTERSEAL_DATA_DIR: {data_dir} is open to others (mode {mode:04o}); set its mode to 0700")


def read_master_keys(config: Config, store: KeyStore) -> MasterKeys:
    """Return the master keys, unwrapped; made at the first start, and then wrapped where that is configured.

    Raises:
        ConfigError: they cannot be read or unwrapped; or their file is missing, and `store` is not new.
        StoreUnavailable: the store, or what unwraps them, does not answer.
    """
    wrapper = find_wrapper(config.key_wrapping, config.data_dir)
    if config.master_keys is not None:
        return MasterKeys.parse(config.master_keys, wrapper=wrapper)
    path = config.data_dir / FILE_NAME
    if not path.exists() and in_use(store):
        raise ConfigError(
            f"COUNTERSEAL_MASTER_KEYS: {path} is missing, and the key store holds what was sealed with it; put the file back, "
            f"or give the master keys by this setting"
        )
    return MasterKeys.load_or_create(path, wrapper=wrapper)
