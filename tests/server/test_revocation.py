"""A revocation is in force before Revoke returns: no load in flight, no cache and no thread brings the key back."""

import threading
from pathlib import Path

import pytest

from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import StoredKey
from tests.server.calls import Client, bearer, signed
from tests.server.inprocess import in_process
from tests.support.process import RunningServer, running_server


def test_right_after_revoke_returns(server: RunningServer, client: Client) -> None:
    for _ in range(50):
        issued = client.issue()
        message = signed(issued)
        assert client.verify(message) == "verified"
        client.revoke(issued.key_id)
        assert client.verify(message) == "KEY_REVOKED"


def test_amid_concurrent_verifies(server: RunningServer, client: Client) -> None:
    """Threads verify in a tight loop, each on a channel of its own. A call begun after Revoke returned is never verified."""
    for _ in range(5):
        message = signed(issued := client.issue())
        revoked, counts = threading.Event(), [0] * 4
        wrong: list[str] = []

        def ask(number: int, message=message, revoked=revoked, wrong=wrong, counts=counts) -> None:  # type: ignore[no-untyped-def]
            with server.channel() as channel:
                own = Client(channel)
                after = 0
                while after < 20:
                    late = revoked.is_set()
                    answer = own.verify(message)
                    counts[number] += 1
                    if late:
                        after += 1
                        if answer != "KEY_REVOKED":
                            wrong.append(answer)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while min(counts) < 5:
            threading.Event().wait(0.005)
        client.revoke(issued.key_id)
        revoked.set()
        for thread in threads:
            thread.join()
        assert not wrong


def test_amid_a_load_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that read the key before it was revoked, and comes back after, is neither believed by later calls nor kept."""
    sound, held = KeyStore.read_key, threading.Event()
    reading, go_on = threading.Event(), threading.Event()

    def read_key(store: KeyStore, key_id: str) -> StoredKey | None:
        found = sound(store, key_id)
        if held.is_set() and threading.current_thread().name == "counterseal-load":
            held.clear()
            reading.set()
            assert go_on.wait(60)
        return found

    monkeypatch.setattr(KeyStore, "read_key", read_key)
    with in_process(tmp_path / "data", STORE_TIMEOUT="60") as server:
        client = server.client
        issued = client.issue()
        message = signed(issued)
        held.set()
        early = client.verification.Verify.future(message)
        assert reading.wait(60)
        client.revoke(issued.key_id)
        assert client.verify(message) == "KEY_REVOKED"
        go_on.set()
        early.result()  # begun before the revocation: either answer is right
        for _ in range(5):
            assert client.verify(message) == "KEY_REVOKED"


def test_other_changes_are_in_force_as_well(server: RunningServer, client: Client) -> None:
    from counterseal.v1 import keys_pb2

    issued = client.issue()
    message = signed(issued)
    for _ in range(10):
        assert client.verify(message) == "verified"
        client.update(issued.key_id, "state", state=keys_pb2.KEY_STATE_DISABLED)
        assert client.verify(message) == "KEY_DISABLED"
        client.update(issued.key_id, "state", state=keys_pb2.KEY_STATE_ACTIVE)
    imported = keys_pb2.ImportedSecret(key_id="CSTOBEIMPORTED", secret=b"an imported secret of some length")
    from tests.server.calls import Issued

    later = Issued("CSTOBEIMPORTED", bytes(imported.secret))
    assert client.verify(signed(later)) == "UNKNOWN_KEY"
    client.issue(imported_secret=imported)
    assert client.verify(signed(later)) == "verified"


def test_revoked_for_good(tmp_path: Path) -> None:
    """Revoking twice keeps the first reason; a restart forgets nothing; the id cannot be imported anew."""
    from counterseal.v1 import keys_pb2
    from tests.server.calls import failing

    with running_server(tmp_path / "data") as first, first.channel() as channel:
        client = Client(channel, bearer(first.admin_token))
        issued = client.issue()
        once, twice = client.revoke(issued.key_id), client.revoke(issued.key_id)
        assert (once.key.revoke_time, once.key.revoke_reason) == (twice.key.revoke_time, twice.key.revoke_reason)
        assert once.revoke_effective_time.ToDatetime() >= once.key.revoke_time.ToDatetime()
    with running_server(tmp_path / "data") as second, second.channel() as channel:
        client = Client(channel, bearer(second.admin_token))
        assert client.verify(signed(issued)) == "KEY_REVOKED"
        with failing() as seen:
            client.issue(imported_secret=keys_pb2.ImportedSecret(key_id=issued.key_id, secret=issued.secret))
        assert seen[0].code == "ALREADY_EXISTS"
