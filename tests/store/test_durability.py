"""kill -9 at any moment: what was acknowledged is there, and nothing is there by half."""

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from counterseal.core.model import KeyState
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.stored import open_key
from counterseal.server.store.engine import KeyStore, open_store

ROUNDS = 20
ACTIONS = {"issued": {"issue", "import"}, "changed": {"update"}, "revoked": {"revoke"}}


@pytest.mark.timeout(900)
def test_twenty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    url, master_keys = f"sqlite:///{tmp_path}/keys.db", MasterKeys.generate()
    acknowledged: list[list[str]] = []
    for _ in range(ROUNDS):
        acknowledged += run_and_kill(url, master_keys.text())
    store = open_store(url, timeout=60)
    store.upgrade()
    check_acknowledged(store, acknowledged, SecretCipher(master_keys))
    check_all(store, SecretCipher(master_keys))
    store.close()
    with sqlite3.connect(tmp_path / "keys.db") as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plain.close()


def run_and_kill(url: str, master_keys: str) -> list[list[str]]:
    """Return the acknowledgements that came out whole."""
    child = subprocess.Popen([sys.executable, "-m", "tests.store.durability_child", url, master_keys], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline().startswith(b"ready")
    lines = [child.stdout.readline() for _ in range(random.randint(1, 40))]
    time.sleep(random.random() * 0.005)  # somewhere inside the next transaction
    child.kill()
    lines += child.stdout.readlines()
    child.stdout.close()
    assert child.wait() == -9
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


def check_acknowledged(store: KeyStore, acknowledged: list[list[str]], cipher: SecretCipher) -> None:
    assert len(acknowledged) >= ROUNDS
    assert {what for what, _, _ in acknowledged} == set(ACTIONS)
    for what, key_id, secret in acknowledged:
        stored = store.read_key(key_id)
        assert stored is not None, f"{what} {key_id} is lost"
        assert open_key(stored, cipher).secret == bytes.fromhex(secret)
        assert ACTIONS[what] & {entry.action for _, entry in store.read_audit(key_id)}
        if what == "changed":
            assert stored.record.principal == "changed"
        if what == "revoked":
            assert stored.record.state is KeyState.REVOKED


def check_all(store: KeyStore, cipher: SecretCipher) -> None:
    """Whatever is there, acknowledged or not, is whole: it opens, and each change of it has its audit row and its number."""
    changes, after = 0, ""
    while page := store.read_keys_after(after, 100):
        after = page[-1].record.key_id
        for stored in page:
            key = open_key(stored, cipher)
            actions = [entry.action for _, entry in store.read_audit(key.key_id)]
            changes += len(actions)
            assert actions[0] in {"issue", "import"}
            assert ("update" in actions) == (key.principal == "changed")
            assert ("revoke" in actions) == (key.state is KeyState.REVOKED)
    assert store.change_sequence() == changes
