"""Whoever writes the database changes the trail, and the check says what is wrong, and where.

By what it is noticed: the hashes, the marks (a chain hashed anew), the head beside the chain (newest entries gone), or the
high-water mark (newest entries gone, the head with them).
"""

import hashlib
from typing import Any

import pytest

from counterseal.server.high_water import FILE_NAME, HighWaterFile, HighWaterMark
from counterseal.server.keys.audit_check import check_links
from counterseal.server.store.audit_chain import AuditKey, chained
from tests.audit.conftest import CIPHER, Ledger

LAST = 8
COLUMNS: dict[str, Any] = {
    "time": 1,
    "actor": "somebody",
    "action": "note",
    "key_id": "another",
    "tenant": "another",
    "request_id": "another",
    "detail": "{}",
    "hash": b"h" * 32,
    "mac": b"m" * 32,
    "revision": 1,
    "seq": 5_000,
}


def test_every_column_is_changed_below(ledger: Ledger) -> None:
    assert set(ledger.row("audit", "seq = 1")) - {"id"} == set(COLUMNS)


@pytest.mark.parametrize("number", [1, 4, LAST])
def test_a_changed_column_is_noticed(ledger: Ledger, number: int) -> None:
    for column, plain in COLUMNS.items():
        row = ledger.row("audit", f"seq = {number}")
        value = plain.encode() if is_mysql(ledger) and isinstance(plain, str) else plain
        assert ledger.sql(f"UPDATE audit SET {column} = :value WHERE seq = {number}", value=value) == 1
        places = {problem.split(":")[0] for problem in ledger.check()}
        assert places & {f"entry {number}", f"entry {number + 1}", "entry 5000"}, (column, ledger.problems)
        ledger.put("audit", row, f"id = {row['id']}")
    assert ledger.check() == []


@pytest.mark.parametrize("column", ["hash", "mac", "revision"])
def test_a_column_without_a_value_is_noticed(ledger: Ledger, column: str) -> None:
    ledger.sql(f"UPDATE audit SET {column} = NULL WHERE seq = 4")
    assert any(problem.startswith("entry 4:") for problem in ledger.check())


def test_an_entry_taken_out_of_the_chain_is_noticed(ledger: Ledger) -> None:
    ledger.sql("UPDATE audit SET seq = NULL WHERE seq = 4")
    assert any(problem.startswith("entry 5:") and "entry 3" in problem for problem in ledger.check())


@pytest.mark.parametrize("number", [1, 4])
def test_a_removed_entry_is_noticed_by_the_next_hash(ledger: Ledger, number: int) -> None:
    ledger.sql(f"DELETE FROM audit WHERE seq = {number}")
    assert any(problem.startswith(f"entry {number + 1}: its hash does not follow") for problem in ledger.check())


def test_a_removed_last_entry_is_noticed_by_the_head(ledger: Ledger) -> None:
    ledger.sql(f"DELETE FROM audit WHERE seq = {LAST}")
    (problem,) = ledger.check()
    assert problem.startswith("head:")


def test_an_emptied_trail_is_noticed(ledger: Ledger) -> None:
    ledger.sql("DELETE FROM audit")
    assert any(problem.startswith("head:") for problem in ledger.check())
    assert sum("the trail does not know it" in problem for problem in ledger.problems) == 3


def test_an_added_entry_is_noticed_by_its_mark(ledger: Ledger) -> None:
    """Also one whose hash is right: hashes are no secret."""
    row = ledger.row("audit", f"seq = {LAST}")
    add(ledger, row | {"seq": LAST + 1}, row["hash"])
    assert f"entry {LAST + 1}: its hash does not bear the service's mark: the hash was made by somebody else" in ledger.check()
    assert any(problem.startswith("head:") for problem in ledger.problems)


def add(ledger: Ledger, row: dict[str, Any], previous: bytes) -> None:
    row = {name: value for name, value in row.items() if name != "id"}
    row["hash"] = hash_of(row, previous)
    names = ", ".join(row)
    ledger.sql(f"INSERT INTO audit ({names}) VALUES ({', '.join(':' + name for name in row)})", **row)


def hash_of(row: dict[str, Any], previous: bytes) -> bytes:
    class Row:
        def __getattr__(self, name: str) -> Any:
            return row[name].decode() if isinstance(row[name], bytes) and name != "hash" else row[name]

    return chained(Row(), previous).expected_hash()  # type: ignore[arg-type]


def test_two_entries_in_each_others_place_are_noticed(ledger: Ledger) -> None:
    for old, new in ((4, 1000), (5, 4), (1000, 5)):
        ledger.sql(f"UPDATE audit SET seq = {new} WHERE seq = {old}")
    assert {problem.split(":")[0] for problem in ledger.check()} >= {"entry 4", "entry 5"}


def test_a_chain_renumbered_from_some_entry_on_is_noticed(ledger: Ledger) -> None:
    for number in range(LAST, 3, -1):
        ledger.sql(f"UPDATE audit SET seq = {number + 1} WHERE seq = {number}")
    ledger.sql(f"UPDATE change_sequence SET value = {LAST + 1}")
    assert len([problem for problem in ledger.check() if "does not follow" in problem]) == LAST - 3


def rehash(ledger: Ledger, first: int) -> None:
    """Hash the chain anew from an entry on, head included: all that can be done without the audit key."""
    previous = ledger.row("audit", f"seq = {first - 1}")["hash"] if first > 1 else b""
    for number in range(first, LAST + 1):
        previous = hash_of(ledger.row("audit", f"seq = {number}"), previous)
        ledger.sql("UPDATE audit SET hash = :hash WHERE seq = :seq", hash=previous, seq=number)
    ledger.sql("UPDATE change_sequence SET hash = :hash", hash=previous)


def test_a_chain_hashed_anew_is_noticed_by_the_marks_alone(ledger: Ledger) -> None:
    ledger.sql("UPDATE audit SET actor = :actor WHERE seq = 6", actor=b"x" if is_mysql(ledger) else "x")
    rehash(ledger, 6)
    problems = ledger.check()
    assert {problem.split(":")[0] for problem in problems} == {"entry 6", "entry 7", "entry 8"}
    assert all("mark" in problem for problem in problems)
    found: list[str] = []
    check_links((("", entry) for entry in ledger.entries()), found.append)
    assert found == []  # by its hashes alone, this is a chain like any other


def is_mysql(ledger: Ledger) -> bool:
    return ledger.store.database.reads.dialect.name == "mysql"


def test_a_chain_marked_with_another_key_is_noticed(ledger: Ledger) -> None:
    other = AuditKey(key=hashlib.sha256(b"another").digest())
    for entry in ledger.entries():
        ledger.sql("UPDATE audit SET mac = :mac WHERE seq = :seq", mac=other.mac(entry.hash), seq=entry.sequence)
    assert len(ledger.check()) == LAST


def test_a_chain_cut_off_with_its_head_is_noticed_by_the_high_water_mark(ledger: Ledger, tmp_path: Any) -> None:
    """The entries that are left are all right, and the lease that is gone changed no key. Whoever remembers more knows."""
    from counterseal.server.assembly.restore import compare

    file = HighWaterFile(tmp_path / FILE_NAME)
    head = ledger.store.chain_head()
    assert head.hash is not None
    file.accept(HighWaterMark(sequence=head.sequence, hash=head.hash.hex()))
    assert compare(ledger.store, CIPHER, file).why == ""
    before = ledger.row("audit", f"seq = {LAST - 1}")["hash"]
    ledger.sql(f"DELETE FROM audit WHERE seq = {LAST}")
    ledger.sql("UPDATE change_sequence SET value = :value, hash = :hash", value=LAST - 1, hash=before)
    assert ledger.check() == []
    assert f"change {LAST} was seen" in compare(ledger.store, CIPHER, file).why


def test_a_chain_cut_off_before_a_change_is_noticed_by_the_key_too(ledger: Ledger) -> None:
    before = ledger.row("audit", "seq = 6")["hash"]
    ledger.sql("DELETE FROM audit WHERE seq > 6")
    ledger.sql("UPDATE change_sequence SET value = 6, hash = :hash", hash=before)
    (problem,) = ledger.check()
    assert "entries are gone" in problem


def test_a_head_set_back_alone_is_noticed(ledger: Ledger) -> None:
    ledger.sql("UPDATE change_sequence SET value = 3")
    assert all(problem.startswith("head:") for problem in ledger.check())
    assert ledger.problems


def test_a_removed_key_is_noticed(ledger: Ledger) -> None:
    key_id = ledger.entries()[2].key_id
    assert ledger.key_sql("DELETE FROM {keys} WHERE key_id = :id", key_id) == 1
    assert ledger.check() == [f"key {key_id}: the trail knows it, and the key is gone"]


def test_a_key_with_another_number_is_noticed(ledger: Ledger) -> None:
    key_id = ledger.entries()[0].key_id
    assert ledger.key_sql("UPDATE {keys} SET changed = 77 WHERE key_id = :id", key_id) == 1
    assert ledger.check() == [f"key {key_id}: its last change is entry 4, and it says 77"]
