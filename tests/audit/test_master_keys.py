"""A change of the active master key, as the store sees it, and a reseal are in the trail; the marks go on to be checked."""

from contextlib import ExitStack
from pathlib import Path

from counterseal.server.assembly.at_rest import open_at_rest
from counterseal.server.config import load_config
from counterseal.server.keys.audit_check import AuditCheck
from counterseal.server.keys.audit_key import find_audit_key
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.reseal import reseal_all
from counterseal.server.store.audit_trail import AuditTrail


def test_another_active_master_key_is_noted_once_and_the_chain_goes_on(tmp_path: Path) -> None:
    old, new = MasterKeys.generate().text().strip(), MasterKeys.generate().text().strip()
    for ring, expected in ((old, 0), (old, 0), (f"{new},{old}", 1), (f"{new},{old}", 1), (new, 1)):
        config = load_config({"COUNTERSEAL_DATA_DIR": str(tmp_path / "data"), "COUNTERSEAL_MASTER_KEYS": ring})
        with ExitStack() as parts:
            store, cipher, _ = open_at_rest(config, parts)
            if ring.startswith(new):
                reseal_all(store, cipher)
            entries = list(AuditTrail(store).entries())
            assert [entry.action for entry in entries] == ["master_key_added"] * expected
            problems: list[str] = []
            AuditCheck(store, find_audit_key(store, cipher), problems.append).run(cipher)
            assert problems == []
