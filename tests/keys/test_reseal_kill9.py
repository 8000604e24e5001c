"""`kill -9` of the reseal, again and again, and of the server beside it, while keys are issued, rotated, changed and revoked.

Afterwards everything opens, nothing acknowledged is lost, and the old master key may leave the ring.
COUNTERSEAL_TEST_RESEAL_KEYS and COUNTERSEAL_TEST_RESEAL_KILLS make it longer.
"""

import base64
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from google.protobuf import duration_pb2
from sqlalchemy import Connection, insert

from counterseal.server.keys.audit_key import arm_journal
from counterseal.server.keys.canary import check_master_keys, master_keys_in_use
from counterseal.server.keys.cipher import SecretCipher, master_key_of
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.principal_seal import open_principal
from counterseal.server.keys.reseal import sealed_under
from counterseal.server.keys.seal import open_secret, seal_key
from counterseal.server.keys.session_seal import open_session
from counterseal.server.store.engine import KeyStore, open_store
from counterseal.server.store.rows import stored_values
from counterseal.server.store.session_records import SessionQuery
from counterseal.server.store.tables import KEYS as TABLE
from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Issued, bearer, signed
from tests.store import samples
from tests.store.engines import ENGINES
from tests.store.session_samples import (
    HASHES,
    PASSWORD_HASH,
    add_principal,
    beginning,
    principal,
    principal_store,
    session,
    session_store,
)
from tests.support.process import RunningServer, start_server

KEYS = int(os.environ.get("COUNTERSEAL_TEST_RESEAL_KEYS", "1600"))
KILLS = int(os.environ.get("COUNTERSEAL_TEST_RESEAL_KILLS", "3"))
PAGE = 200
# Seconds after each page: longer than a busy machine takes to come to the killing.
PAUSE = "10"
PEOPLE = 20
BULK = re.compile(r"bulk-[0-9]+")
WRITERS = 2
OLD, NEW = (f"{name}:{base64.b64encode(name.encode() * 11)[:43].decode()}=" for name in ("old", "new"))


@dataclass
class Ledger:
    """What was acknowledged. `undecided`: a change was sent, and its answer never came."""

    active: dict[str, Issued] = field(default_factory=dict)
    revoked: dict[str, Issued] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def fill(store: KeyStore, cipher: SecretCipher, ledger: Ledger) -> None:
    """Add the keys in one transaction: what is killed here is not the issuing of them."""
    keys = [Issued(f"bulk-{number:06}", b"the secret of a key %06d" % number) for number in range(KEYS)]

    def work(connection: Connection) -> None:
        for key in keys:
            stored = seal_key(key.secret, samples.stored(key.key_id), cipher)
            number = store.journal.record(connection, samples.entry(key.key_id))
            connection.execute(insert(TABLE).values(stored_values(stored) | {"changed": number}))

    store.transactions.writing(work)
    ledger.active.update({key.key_id: key for key in keys})
    for number in range(PEOPLE):
        add_principal(principal_store(store), principal(f"p{number}"), cipher)
        begun = beginning(session(f"S{number}", f"p{number}"), cipher=cipher)
        session_store(store).begin("acme", f"p{number}", lambda _, begun=begun: (begun, ()))  # type: ignore[misc]


def check_people(store: KeyStore, cipher: SecretCipher) -> None:
    people = principal_store(store).read_page(None, None, 100).principals
    assert [open_principal(stored, cipher) for stored in people] == [PASSWORD_HASH] * PEOPLE
    sessions = session_store(store).list_sessions(SessionQuery()).sessions
    assert [open_session(stored, cipher) for stored in sessions] == [HASHES] * PEOPLE


class Writer(threading.Thread):
    """Issues, rotates and revokes keys, among them those that are being resealed, until it is stopped or the server is gone."""

    def __init__(self, server: RunningServer, ledger: Ledger, number: int) -> None:
        super().__init__(daemon=True)
        self._server, self._ledger, self._number = server, ledger, number
        self.stopped = threading.Event()
        self.changes = 0
        self.error: Exception | None = None  # what ended it
        self.start()

    def run(self) -> None:
        with self._server.channel() as channel:
            client = Client(channel, bearer(self._server.admin_token))
            bulk = [key for key in sorted(self._ledger.active) if BULK.fullmatch(key)]
            mine = iter([key for key in bulk if int(key.removeprefix("bulk-")) % 97 == self._number])
            while not self.stopped.is_set():
                try:
                    self._change(client, next(mine, None))
                except Exception as error:
                    self.error = error
                    return
                self.changes += 1

    def _change(self, client: Client, key_id: str | None) -> None:
        """Rotate a key of those that are there, or a new one; revoke every second one."""
        if key_id is None:
            issued = client.issue(principal="written meanwhile")
            with self._ledger.lock:
                self._ledger.active[issued.key_id] = issued
            key_id = issued.key_id
        with self._ledger.lock:
            before = self._ledger.active.pop(key_id)
            self._ledger.active.pop(f"{key_id} before", None)
            self._ledger.undecided.add(key_id)
        request = keys_pb2.RotateKeyRequest(key_id=key_id, overlap=duration_pb2.Duration(seconds=3600))
        now = Issued(key_id, client.keys.RotateKey(request, metadata=client.admin).secret.encode())
        revoke = self.changes % 2 == 0
        if revoke:
            client.revoke(key_id)
        with self._ledger.lock:
            (self._ledger.revoked if revoke else self._ledger.active)[key_id] = now
            if not revoke:
                self._ledger.active[f"{key_id} before"] = before  # the secret before goes on verifying
            self._ledger.undecided.discard(key_id)


@contextmanager
def writers(server: RunningServer, ledger: Ledger) -> Iterator[list[Writer]]:
    running = [Writer(server, ledger, number) for number in range(WRITERS)]
    try:
        yield running
    finally:
        for writer in running:
            writer.stopped.set()
        for writer in running:
            writer.join(60)
            assert not writer.is_alive()


def wait_for_changes(running: list[Writer], count: int) -> None:
    for writer in running:
        while writer.is_alive() and writer.changes < count:
            time.sleep(0.01)


def start_reseal(server: RunningServer, ring: str, *args: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "counterseal", "secrets", "reseal", *args]
    environment = server.env | {"COUNTERSEAL_MASTER_KEYS": ring}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_until_resealed(store: KeyStore, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while sealed_under(store, "new") < count:
        assert process.poll() is None, f"the reseal was to be killed, and had ended: {process.communicate()!r}"
        assert time.monotonic() < deadline, "the reseal gets nowhere"
        time.sleep(0.01)


def kill_reseals(server: RunningServer, store: KeyStore, ring: str, kills: int) -> None:
    for _ in range(kills):
        before = sealed_under(store, "new")
        # It waits after each page, so that it is there to be killed behind one; the page under way goes down with it.
        process = start_reseal(server, ring, "--pause", PAUSE)
        wait_until_resealed(store, before + PAGE // 2, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        process.communicate()
        assert sealed_under(store, "old") > 0, "too few keys to be killed so often"
        assert "old" in master_keys_in_use(store)


def check_all(server: RunningServer, ledger: Ledger) -> None:
    with server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        written = [key for name, key in ledger.active.items() if not BULK.fullmatch(name)]
        some = [key for name, key in ledger.active.items() if BULK.fullmatch(name)][:: max(1, KEYS // 100)]
        for key in written + some:
            assert client.verify(signed(key)) == "verified", "an acknowledged key is lost"
        for key in ledger.revoked.values():
            assert client.verify(signed(key)) == "KEY_REVOKED", "an acknowledged revocation is lost"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ENGINES)
def test_everything_opens_after_kills_and_the_old_master_key_may_go(tmp_path: Path, engine: str) -> None:
    url, ledger = ENGINES[engine](tmp_path), Ledger()
    both, started = f"{NEW},{OLD}", {"DATABASE_URL": url, "WORKERS": "1", "STORE_TIMEOUT": "60"}
    store = open_store(url, timeout=60)
    servers: list[RunningServer] = []
    try:
        store.upgrade()
        cipher = SecretCipher(MasterKeys.parse(f"{OLD},{NEW}"))
        check_master_keys(store, cipher)
        arm_journal(store, cipher)
        fill(store, cipher, ledger)

        servers.append(start_server(tmp_path / "data", MASTER_KEYS=both, **started))
        with writers(servers[-1], ledger) as running:
            kill_reseals(servers[-1], store, both, KILLS - 1)
            # And the server, in the middle of a reseal that goes on without it.
            process = start_reseal(servers[-1], both, "--pause", PAUSE)
            wait_until_resealed(store, sealed_under(store, "new") + PAGE // 2, process)
            wait_for_changes(running, 1)
            servers[-1].kill()
            process.send_signal(signal.SIGKILL)
            process.communicate()
        for writer in running:
            assert isinstance(writer.error, grpc.RpcError), writer.error
            assert writer.error.code() == grpc.StatusCode.UNAVAILABLE, writer.error
        changes = sum(writer.changes for writer in running)
        servers.append(start_server(tmp_path / "data", MASTER_KEYS=both, **started))
        with writers(servers[-1], ledger) as running:
            out, err = start_reseal(servers[-1], both).communicate(timeout=300)
            assert b"Resealed under new" in out, err
            wait_for_changes(running, 3)
        assert [writer.error for writer in running] == [None] * WRITERS
        assert changes > 0
        assert servers[-1].stop() == 0

        assert master_keys_in_use(store) == {"new"}
        alone = SecretCipher(MasterKeys.parse(NEW))
        check_master_keys(store, alone)
        found, after = 0, ""
        while page := store.read_keys_after(after, 1000):
            for stored in page:
                assert open_secret(stored, alone).current
                assert master_key_of(stored.sealed_secret) == "new"
            found, after = found + len(page), page[-1].record.key_id
        assert found >= KEYS
        check_people(store, alone)
        servers.append(start_server(tmp_path / "data", MASTER_KEYS=NEW, **started))
        check_all(servers[-1], ledger)
        assert servers[-1].stop() == 0
        print(f"{engine}: {found} keys, {changes} changes beside {KILLS} kills, {len(ledger.undecided)} without an answer")
    finally:
        for server in servers:
            server.kill()
        store.close()
