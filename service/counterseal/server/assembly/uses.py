"""The notes of when secrets are used."""

from contextlib import ExitStack

from counterseal.server.config import Config
from counterseal.server.keys.uses import UseNotes
from counterseal.server.store.engine import KeyStore
from counterseal.server.telemetry.log import Log


def build_uses(config: Config, store: KeyStore, log: Log, parts: ExitStack) -> UseNotes | None:
    """Return what notes uses and writes them now and then; None where nothing is to be written."""
    if config.last_use_interval == 0:
        return None
    notes = UseNotes(store.write_uses, interval=config.last_use_interval, log=log)
    parts.callback(notes.close)  # while the store is still open
    notes.start()
    return notes
