"""The interface through which master keys are wrapped. A provider is an object with these two methods."""

from typing import Final, Protocol

# The setting that names the provider, as every message about one begins.
SETTING: Final = "COUNTERSEAL_KEY_WRAPPING"


class KeyWrapper(Protocol):
    """Wraps master keys, each tied to its id: what was wrapped under one id does not open under another."""

    def wrap(self, key: bytes, *, master_key_id: str) -> bytes:
        """Return `key` encrypted and authenticated; never the same bytes twice.

        Raises:
            ConfigError: the provider refuses: no permission, no such key.
            StoreUnavailable: the provider does not answer; worth another try.
        """

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        """Return the key.

        Raises:
            ConfigError: it does not open: changed, of another id, under another wrapping key, or the provider refuses.
            StoreUnavailable: the provider does not answer; worth another try.
        """
