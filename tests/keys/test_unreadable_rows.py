"""What somebody else wrote into a row is an alarm, whatever it is: never verified with, and no bug without an alarm."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from counterseal.core.model import Scope
from counterseal.server.errors import RowUnreadable, SealBroken
from counterseal.server.store.engine import KeyStore
from counterseal.server.store.records import KeyQuery, StoredKey
from counterseal.server.store.tables import KEYS
from tests.keys.test_stored import ring_on, sealed_key
from tests.store import samples

DEEP = "[" * 100_000
# SQL values by column. SQLite keeps them in any column, of whatever type; NULL goes where the schema was edited to let it.
UNREADABLE = {
    "labels": ["''", "'{'", "'[1]'", "'null'", "'\"x\"'", "'{\"a\": 1}'", "'{\"a\": {}}'", "x'7b7d'", "1", "NULL", f"'{DEEP}'"],
    "allowed_schemes": ["''", "'['", "'{}'", "'null'", "'[1]'", "'[[]]'", "'\"aws-sigv4\"'", "NULL", "7"],
    "state": ["''", "'active'", "'GONE'", "NULL", "0", "x'00'"],
    "tenant": ["NULL", "x'64'", "5", "'" + "t" * 65 + "'"],
    "principal": ["NULL", "CAST(x'ff' AS TEXT)", "x'64'", "'" + "p" * 257 + "'"],
    "description": ["NULL", "3", "CAST(x'c3' AS TEXT)", "printf('%.1000001c', 'd')"],
    "revoke_reason": ["NULL", "printf('%.1000001c', 'd')"],
    "not_before": ["'soon'", "1.5", "x'00'", "9223372036854775807", "-9223372036854775808"],
    "expires": ["'never'", "2.5", "9223372036854775807"],
    "created": ["NULL", "'x'", "9223372036854775807"],
    "updated": ["NULL", "'x'", "-9223372036854775808"],
    "revoked": ["'x'", "9223372036854775807"],
    "secret_version": ["NULL", "'x'", "1.5"],
    "sealed_secret": ["NULL", "'text'", "1", "zeroblob(1000001)"],
    "security_token_sha256": ["'text'", "1"],
    "changed": ["NULL", "'x'"],
    "algorithm": ["NULL", "x'00'", "'" + "a" * 33 + "'"],
    "public_key": ["'text'", "1"],
    "issue_actor": ["x'00'", "1"],
    "issue_fingerprint": ["'text'"],
    "policy": ["'{'", "'[]'", "'{\"nope\": 1}'", "1", f"'{DEEP}'"],
}
CASES = [(column, value) for column, values in UNREADABLE.items() for value in values]


def loosen(store: KeyStore) -> None:
    """What whoever can write the file can do: a table without constraints and types."""
    with store.database.writes.begin() as connection:
        connection.execute(text("CREATE TABLE loose AS SELECT * FROM keys"))
        connection.execute(text("DROP TABLE keys"))
        names = ", ".join(KEYS.c.keys())
        connection.execute(text(f"CREATE TABLE keys ({names})"))
        connection.execute(text(f"INSERT INTO keys ({names}) SELECT {names} FROM loose"))


@pytest.mark.parametrize(("column", "value"), CASES, ids=[f"{column}-{value[:12]}" for column, value in CASES])
def test_a_column_that_cannot_be_read(store: KeyStore, column: str, value: str) -> None:
    store.insert(sealed_key(), samples.entry())
    store.insert(sealed_key("key-2"), samples.entry("key-2"))
    loosen(store)
    ring = ring_on(store)
    assert ring.find("key-1") is not None
    with store.database.writes.begin() as connection:
        connection.execute(text(f"UPDATE keys SET {column} = {value.replace(':', chr(92) + ':')} WHERE key_id = 'key-1'"))
    with pytest.raises(SealBroken):
        ring.find("key-1")
    assert ring.find("key-2") is not None


def _change(store: KeyStore) -> object:
    def edit(stored: StoredKey) -> None:
        raise AssertionError("a row that cannot be read is not changed")

    return store.change("key-1", edit)


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.read_key("key-1"),
        lambda store: store.list_keys(KeyQuery()),
        lambda store: store.read_keys_after("", 10),
        _change,
    ],
    ids=["read_key", "list_keys", "read_keys_after", "change"],
)
def test_every_way_to_read_it_raises_the_alarm(store: KeyStore, read: Callable[[KeyStore], object]) -> None:
    store.insert(sealed_key(), samples.entry())
    with store.database.writes.begin() as connection:
        connection.execute(text("UPDATE keys SET state = 'GONE'"))
    with pytest.raises(RowUnreadable, match="cannot be read") as caught:
        read(store)
    assert caught.value.key_id == "key-1"
    assert "GONE" not in str(caught.value)


def test_what_is_at_the_limits_can_be_read(store: KeyStore) -> None:
    labels = {f"l{number}": "ü" * 200 for number in range(50)}
    store.insert(sealed_key(principal="p" * 256, tenant="t" * 64, labels=labels, description="d" * 4000), samples.entry())
    found = ring_on(store).find("key-1")
    assert found is not None
    assert dict(found.key.labels) == labels
    assert found.derive(found.key, Scope(date="20261101", region="r", service="s"))
