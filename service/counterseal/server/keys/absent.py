"""The work that stands in for opening a key, when there is none: a stranger who asks for an id must not tell from the time."""

import datetime as dt
from types import SimpleNamespace
from typing import Any, Final, cast

from sqlalchemy import Row

from counterseal.core.model import KeyState
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.seal import seal_key
from counterseal.server.store.records import DEFAULT_TENANT, KeyRecord, StoredKey
from counterseal.server.store.rows import read_stored, stored_values

_TIME: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
# As long as what drafts.new_material makes. Signs nothing: what is opened here is thrown away.
_KEY_ID: Final = "CSAK" + "A" * 20
_SECRET: Final = b"x" * 48


class AbsentRow:
    """A sealed row as an issued key has it, and never in the store. Opening it costs what opening a stored one costs."""

    def __init__(self, cipher: SecretCipher) -> None:
        record = KeyRecord(
            key_id=_KEY_ID,
            tenant=DEFAULT_TENANT,
            principal="somebody",
            description="",
            labels={},
            allowed_schemes=frozenset({"aws-sigv4"}),
            state=KeyState.DISABLED,
            not_before=None,
            expires=None,
            created=_TIME,
            updated=_TIME,
            revoked=None,
            revoke_reason="",
            etag="",
            has_security_token=False,
        )
        key = StoredKey(record=record, secret_version=1, sealed_secret=b"", security_token_sha256=None)
        values = stored_values(seal_key(_SECRET, key, cipher))
        self._row = cast("Row[Any]", SimpleNamespace(**values, changed=1))

    def read(self) -> StoredKey:
        """Return the key in the row, read as a row of the database is."""
        return read_stored(self._row)
