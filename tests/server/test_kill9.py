"""200 times `kill -9` amid a stream of issues and revocations: nothing acknowledged is lost, nothing half-written is served.

Each folder goes through a row of lives: start a server on what the last one left, check everything that was ever acknowledged,
write from several threads, kill it at a random moment. Two folders at a time.
"""

import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Issued, bearer, signed
from tests.support.process import RunningServer, start_server

KILLS = 200
FOLDERS = 4
WRITERS = 3
# So many are revoked in every other life at least, however slow the machine.
REVOKED = 3
# Of all that was acknowledged in earlier lives, so many are verified again in each, the latest ones among them; after the
# last, the state of every key is compared.
SAMPLE = 15


@dataclass
class Ledger:
    """What the server has acknowledged. `undecided`: a revocation was sent and the answer never came."""

    active: dict[str, Issued] = field(default_factory=dict)
    revoked: dict[str, Issued] = field(default_factory=dict)
    undecided: dict[str, Issued] = field(default_factory=dict)
    # Issues by request id whose answer never came: done or not, but whole.
    unanswered: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def _write(server: RunningServer, ledger: Ledger, life: int, number: int) -> None:
    """Issue and revoke until the server is gone."""
    choose = random.Random(f"{life}/{number}")
    with server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        for count in range(1_000_000):
            request_id = f"{life}.{number}.{count}"
            try:
                issued = client.issue(principal=request_id, request_id=request_id, labels={"life": str(life)})
            except grpc.RpcError:
                with ledger.lock:
                    ledger.unanswered.add(request_id)
                return
            if choose.random() < 0.5:
                with ledger.lock:
                    ledger.active[issued.key_id] = issued
                continue
            try:
                client.revoke(issued.key_id)
            except grpc.RpcError:
                with ledger.lock:
                    ledger.undecided[issued.key_id] = issued
                return
            with ledger.lock:
                ledger.revoked[issued.key_id] = issued


def _check(client: Client, ledger: Ledger, sample: int) -> None:
    def some(of: dict[str, Issued]) -> list[Issued]:
        # The latest are the ones that a crash could have taken.
        latest = list(of.values())[-sample:]
        return latest + random.sample(list(of.values()), min(sample, len(of)))

    for issued in some(ledger.active):
        assert client.verify(signed(issued)) == "verified", "an acknowledged key is lost"
    for issued in some(ledger.revoked):
        assert client.verify(signed(issued)) == "KEY_REVOKED", "an acknowledged revocation is lost"
    for key_id, issued in list(ledger.undecided.items()):
        # Either is right, but from now on it is for good.
        answer = client.verify(signed(issued))
        assert answer in {"verified", "KEY_REVOKED"}
        (ledger.active if answer == "verified" else ledger.revoked)[key_id] = issued
        del ledger.undecided[key_id]


def _check_unanswered(client: Client, ledger: Ledger) -> None:
    """Repeat each issue whose answer never came: it gives a whole key that verifies, whether it was stored or not."""
    for request_id in list(ledger.unanswered):
        life = request_id.split(".")[0]
        issued = client.issue(principal=request_id, request_id=request_id, labels={"life": life})
        assert client.verify(signed(issued)) == "verified"
        ledger.active[issued.key_id] = issued
        ledger.unanswered.discard(request_id)


def _live(folder: Path, ledger: Ledger, life: int) -> None:
    server = start_server(folder, METRICS_LISTEN="127.0.0.1:0")
    try:
        with server.channel() as channel:
            client = Client(channel, bearer(server.admin_token))
            _check(client, ledger, SAMPLE)
            _check_unanswered(client, ledger)
        writers = [threading.Thread(target=_write, args=(server, ledger, life, number)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        least = len(ledger.revoked) + REVOKED * (life % 2)
        time.sleep(random.uniform(0.02, 0.35))
        end = time.monotonic() + 60
        while len(ledger.revoked) < least and time.monotonic() < end:
            time.sleep(0.01)
    finally:
        server.kill()
    for writer in writers:
        writer.join()


def _lives(folder: Path) -> Ledger:
    ledger = Ledger()
    for life in range(KILLS // FOLDERS):
        _live(folder, ledger, life)
    return ledger


def _check_whole(folder: Path, ledger: Ledger) -> None:
    """Everything, at the end: the state of every key, and the audit trail, which has a row for each acknowledged change."""
    server = start_server(folder)
    try:
        with server.channel() as channel:
            client = Client(channel, bearer(server.admin_token))
            _check(client, ledger, 300)
            _check_unanswered(client, ledger)
            listed: dict[str, keys_pb2.Key] = {}
            page = ""
            while True:
                answer = client.keys.ListKeys(keys_pb2.ListKeysRequest(page_size=1000, page_token=page), metadata=client.admin)
                listed |= {key.key_id: key for key in answer.keys}
                page = answer.next_page_token
                if not page:
                    break
        assert set(ledger.active) | set(ledger.revoked) == set(listed), "a key that nobody knows of, or one that is lost"
        for key in listed.values():
            assert (key.state == keys_pb2.KEY_STATE_REVOKED) == (key.key_id in ledger.revoked)
            assert key.HasField("revoke_time") == (key.key_id in ledger.revoked)
            assert key.labels["life"] == key.principal.split(".")[0]
        assert server.stop() == 0
    finally:
        server.kill()
    with sqlite3.connect(folder / "counterseal.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        audited = database.execute("SELECT key_id, action FROM audit").fetchall()
    expected = [(key_id, "issue") for key_id in listed] + [(key_id, "revoke") for key_id in ledger.revoked]
    assert sorted(audited) == sorted(expected)


@pytest.mark.timeout(2400)
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    folders = [tmp_path / f"data-{number}" for number in range(FOLDERS)]
    with ThreadPoolExecutor(2) as pool:
        ledgers = list(pool.map(_lives, folders))
    for folder, ledger in zip(folders, ledgers, strict=True):
        # Without writes between the kills, the test would show nothing.
        assert len(ledger.active) > KILLS // FOLDERS
        assert len(ledger.revoked) > KILLS // FOLDERS
        _check_whole(folder, ledger)
