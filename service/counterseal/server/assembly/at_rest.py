"""What is at rest: the key store, and the master keys that seal what it holds."""

from contextlib import ExitStack

from counterseal.server.audit import of_master_keys
from counterseal.server.config import Config
from counterseal.server.data_folder import make_folder, read_master_keys
from counterseal.server.high_water import HighWaterFile
from counterseal.server.keys.audit_key import arm_journal
from counterseal.server.keys.canary import check_master_keys, master_keys_in_use
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.tickets import TicketCipher
from counterseal.server.rolled_back import RollbackWatch
from counterseal.server.store.engine import KeyStore, open_store
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics


def open_at_rest(config: Config, parts: ExitStack) -> tuple[KeyStore, SecretCipher, TicketCipher]:
    """Open what is at rest, and check that it belongs together."""
    make_folder(config.data_dir)
    store = open_store(
        config.database_url, timeout=config.store_timeout, pool=config.database_pool, listen=config.feed == "auto"
    )
    parts.callback(store.close)
    store.upgrade()
    master_keys = read_master_keys(config, store)
    cipher = SecretCipher(master_keys)
    known = master_keys_in_use(store)
    check_master_keys(store, cipher)
    arm_journal(store, cipher)
    if known and cipher.active_id not in known:
        store.note(of_master_keys("master_key_added", cipher.active_id, known=sorted(known)))
    return store, cipher, TicketCipher(master_keys)


def watch_rollback(
    config: Config, store: KeyStore, cipher: SecretCipher, metrics: Metrics, log: Log, parts: ExitStack
) -> RollbackWatch:
    """Compare the store with what this data folder remembers, and return what goes on doing so.

    Raises:
        ConfigError: the store has gone back to an earlier state.
    """
    watch = RollbackWatch(HighWaterFile(config.high_water_file), store, cipher, log=log, gauge=metrics.store_rolled_back)
    watch.check_at_start()
    parts.callback(watch.close)
    return watch
