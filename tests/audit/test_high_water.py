"""What a server remembers of its store outside of it, and what it does when the store has gone back."""

import errno
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.server.assembly.restore import accept, compare
from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.high_water import FILE_NAME, HighWaterFile, HighWaterMark
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.incarnation import NAME, Incarnation
from counterseal.server.keys.master import MasterKeys
from counterseal.server.rolled_back import RollbackWatch
from counterseal.server.store.changes import Changes
from counterseal.server.store.records import KeyDraft
from counterseal.server.telemetry.log import open_log
from tests.audit.conftest import CIPHER, Ledger


class Watching:
    """A watch over a ledger's store, as a server has one."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.ledger, self.folder = ledger, folder
        self.log, self.forgotten = io.StringIO(), 0
        self.gauge: list[bool] = []
        self.watch = self.fresh()

    def fresh(self) -> RollbackWatch:
        watch = RollbackWatch(
            HighWaterFile(self.folder / FILE_NAME),
            self.ledger.store,
            CIPHER,
            log=open_log("info", self.log),
            gauge=self.gauge.append,
        )
        watch.on_accepted(self._forget)
        return watch

    def _forget(self) -> None:
        self.forgotten += 1

    def alarmed(self) -> bool:
        self.watch.check()
        try:
            self.watch.admit()
        except StoreUnavailable:
            return True
        return False

    def mark(self) -> HighWaterMark | None:
        return HighWaterFile(self.folder / FILE_NAME).read()


@pytest.fixture
def watching(ledger: Ledger, tmp_path: Path) -> Iterator[Watching]:
    made = Watching(ledger, tmp_path / "data")
    yield made
    made.watch.close()


def issue(ledger: Ledger) -> None:
    ledger.rig.issuer.issue(KeyDraft(), actor="me")


def told(watching: Watching, *, followed: bool) -> None:
    """Tell the watch what the feed would."""
    head = watching.ledger.store.chain_head()
    watching.watch.on_history(Changes(number=head.sequence, names={}, hash=head.hash, followed=followed))


class Backup:
    """Every row of the tables that matter, as a backup holds them."""

    TABLES = ("audit", "change_sequence", "meta")

    def __init__(self, ledger: Ledger) -> None:
        from counterseal.server.store.tables import KEYS, METADATA

        self.ledger = ledger
        self.tables = [KEYS, *(METADATA.tables[name] for name in self.TABLES)]
        with ledger.store.database.reads.connect() as connection:
            self.rows = {t.name: [dict(row) for row in connection.execute(t.select()).mappings()] for t in self.tables}

    def restore(self) -> None:
        with self.ledger.store.database.writes.begin() as connection:
            for table in self.tables:
                connection.execute(table.delete())
                if self.rows[table.name]:
                    connection.execute(table.insert(), self.rows[table.name])


def test_the_mark_moves_forward_and_is_for_the_owner_alone(watching: Watching) -> None:
    watching.watch.check_at_start()
    head = watching.ledger.store.chain_head()
    assert head.hash is not None
    assert watching.mark() == HighWaterMark(sequence=head.sequence, hash=head.hash.hex())
    assert (watching.folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
    issue(watching.ledger)
    watching.watch.check()
    watching.watch.close()
    mark = watching.mark()
    assert mark is not None
    assert mark.sequence == head.sequence + 1
    assert watching.gauge == [False, False]


def test_what_only_the_feed_has_seen_is_missed_as_well(watching: Watching) -> None:
    """A standby takes over that lacks the very last change, and takes others before anybody compares."""
    watching.watch.check_at_start()
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    told(watching, followed=True)
    backup.restore()
    issue(watching.ledger)
    issue(watching.ledger)
    told(watching, followed=False)
    with pytest.raises(StoreUnavailable, match="went back"):
        watching.watch.admit()


def test_a_folder_that_cannot_be_locked_is_named(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    watching.watch.check()
    monkeypatch.setattr("fcntl.flock", refuse)
    watching.watch.remember()
    assert "cannot lock" in watching.log.getvalue()


def test_an_older_backup_stops_the_running_server_and_the_next_start(watching: Watching) -> None:
    watching.watch.check_at_start()
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    assert not watching.alarmed()
    backup.restore()
    told(watching, followed=False)
    with pytest.raises(StoreUnavailable, match="went back"):
        watching.watch.admit()
    assert watching.gauge[-1] is True
    assert "store_rolled_back" in watching.log.getvalue()
    watching.watch.close()
    with pytest.raises(ConfigError, match="accept-restore"):
        watching.fresh().check_at_start()
    mark = watching.mark()
    assert mark is not None
    assert mark.sequence == 9  # what is remembered outlives the alarm


def test_a_worker_misses_what_only_another_one_had_seen(watching: Watching) -> None:
    """Two workers on one folder: the store goes back behind a change that one of them never heard of."""
    watching.watch.check_at_start()
    other = watching.fresh()
    other.check_at_start()
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    assert not watching.alarmed()
    watching.watch.remember()
    backup.restore()
    other.check()
    with pytest.raises(StoreUnavailable, match="went back"):
        other.admit()


def test_an_alarm_is_written_down_before_others_look(watching: Watching) -> None:
    watching.watch.check_at_start()
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    assert not watching.alarmed()
    before = watching.mark()
    backup.restore()
    assert watching.alarmed()
    after = watching.mark()
    assert before is not None
    assert after is not None
    assert after.sequence == before.sequence + 1


def test_a_mark_that_cannot_be_read_any_more_leaves_the_own_one(watching: Watching) -> None:
    watching.watch.check_at_start()
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    assert not watching.alarmed()
    (watching.folder / "high-water").write_text("garbled")
    backup.restore()
    assert watching.alarmed()
    assert "high_water_not_read" in watching.log.getvalue()


def test_a_store_that_went_on_after_the_restore_is_noticed_by_the_hash(watching: Watching) -> None:
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    watching.watch.check_at_start()
    backup.restore()
    for _ in range(3):
        issue(watching.ledger)
    assert watching.ledger.store.change_sequence() > 9
    assert watching.alarmed()
    assert watching.ledger.check() == []  # in itself it is a store like any other


def test_an_empty_store_in_its_place_is_noticed(watching: Watching) -> None:
    watching.watch.check_at_start()
    watching.ledger.sql("DELETE FROM audit")
    watching.ledger.sql("UPDATE change_sequence SET value = 0, hash = NULL")
    assert watching.alarmed()


def test_an_accepted_restore_reaches_every_server(watching: Watching, tmp_path: Path) -> None:
    other = Watching(watching.ledger, tmp_path / "other")
    for server in (watching, other):
        server.watch.check_at_start()
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    assert not watching.alarmed()
    assert not other.alarmed()
    backup.restore()
    assert watching.alarmed()
    assert other.alarmed()
    for server in (watching, other):
        server.watch.remember()
    file, elsewhere = HighWaterFile(watching.folder / FILE_NAME), HighWaterFile(other.folder / FILE_NAME)
    assert compare(watching.ledger.store, CIPHER, elsewhere).why
    accepted = accept(watching.ledger.store, CIPHER, compare(watching.ledger.store, CIPHER, file), file)
    # Also for commands where a server remembers the former state.
    assert not compare(watching.ledger.store, CIPHER, elsewhere).why
    for server in (watching, other):
        assert not server.alarmed()
        assert server.forgotten == 1
        server.fresh().check_at_start()
        assert server.mark() == accepted
    entry = watching.ledger.entries()[-1]
    assert (entry.action, entry.sequence) == ("restore_accepted", accepted.sequence)
    assert json.loads(entry.detail_json)["seen"] == 9
    assert accepted.sequence > 1_000_000  # no number is given twice
    assert watching.ledger.check() == []


def test_a_server_that_slept_through_it_all_accepts_and_forgets(watching: Watching) -> None:
    watching.watch.check_at_start()
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    watching.watch.check()
    backup.restore()
    folder = watching.folder.parent / "administrator"
    folder.mkdir()
    file = HighWaterFile(folder / FILE_NAME)  # one that remembers nothing
    accept(watching.ledger.store, CIPHER, compare(watching.ledger.store, CIPHER, file), file)
    assert not watching.alarmed()
    assert watching.forgotten == 1


def test_nobody_else_accepts(watching: Watching) -> None:
    """Neither with a made-up incarnation, nor with one of another store, nor by taking it away, nor with an old one."""
    ledger = watching.ledger
    backup = Backup(ledger)
    file = HighWaterFile(watching.folder / FILE_NAME)
    accept(ledger.store, CIPHER, compare(ledger.store, CIPHER, file), file)
    watching.watch = watching.fresh()
    watching.watch.check_at_start()
    first = ledger.store.read_meta(NAME)[NAME]
    second = Backup(ledger)
    issue(ledger)
    watching.watch.check()

    second.restore()
    assert watching.alarmed()  # with the incarnation that it has seen already
    stranger = SecretCipher(MasterKeys.generate())
    head = ledger.store.chain_head()
    assert head.hash is not None
    forged = Incarnation(number=2**60, sequence=head.sequence, hash=head.hash.hex())
    for sealed in (forged.seal(stranger), b"", b"\x01\x00"):
        assert ledger.sql("UPDATE meta SET value = :value WHERE name = 'sealed/incarnation'", value=sealed) == 1
        assert watching.alarmed()
    # Sealed by us, and for another chain.
    elsewhere = Incarnation(number=2**60, sequence=head.sequence, hash="00" * 32).seal(CIPHER)
    ledger.sql("UPDATE meta SET value = :value WHERE name = 'sealed/incarnation'", value=elsewhere)
    assert watching.alarmed()
    backup.restore()
    assert watching.alarmed()
    ledger.store.add_meta(NAME, first)
    assert watching.alarmed()


def test_a_store_that_comes_forward_again_is_served_and_caches_are_dropped(watching: Watching) -> None:
    """A server that lagged behind took over, and the right one came back."""
    backup = Backup(watching.ledger)
    issue(watching.ledger)
    right = Backup(watching.ledger)
    watching.watch.check_at_start()
    backup.restore()
    assert watching.alarmed()
    right.restore()
    assert not watching.alarmed()
    assert watching.forgotten == 1
    assert watching.gauge[-1] is False


def test_several_processes_share_the_file_and_none_lowers_it(tmp_path: Path) -> None:
    file = HighWaterFile(tmp_path / FILE_NAME)
    for sequence, incarnation, expected in ((5, 0, (5, 0)), (3, 0, (5, 0)), (7, 0, (7, 0)), (2, 1, (2, 1)), (9, 0, (2, 1))):
        file.raise_to(HighWaterMark(sequence=sequence, hash="", incarnation=incarnation))
        mark = file.read()
        assert mark is not None
        assert (mark.sequence, mark.incarnation) == expected
    assert os.listdir(tmp_path) == [FILE_NAME]


GARBLED = (
    *("", "{}", "[]", "null", "7"),
    '{"sequence": "1", "hash": "", "incarnation": 0}',
    '{"sequence": 1, "hash": "xy", "incarnation": 0}',
    '{"sequence": 1, "hash": 5, "incarnation": 0}',
    '{"sequence": true, "hash": "", "incarnation": 0}',
)


@pytest.mark.parametrize("text", GARBLED)
def test_a_garbled_mark_is_refused_and_not_taken_for_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ConfigError, match="high-water"):
        HighWaterFile(tmp_path / FILE_NAME).read()
