"""Issues, imports, changes and revokes until it is killed, and says so on standard output once each is acknowledged.

Lines are `what key-id secret-in-hex`. Run with a database URL and the text of a master key.
"""

import random
import sys
import time

from counterseal.core.schemes import BUILT_IN
from counterseal.server.issuer import Issuer
from counterseal.server.keys.audit_key import arm_journal
from counterseal.server.keys.cipher import SecretCipher
from counterseal.server.keys.flight import SingleFlightKeyRing
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.stored import StoredKeyRing
from counterseal.server.store.engine import open_store
from counterseal.server.store.records import ImportedMaterial, KeyChange, KeyDraft
from tests.keys.rings import never_stale


def main(url: str, master_keys: str) -> None:
    store = open_store(url, timeout=60)
    store.upgrade()
    cipher = SecretCipher(MasterKeys.parse(master_keys))
    arm_journal(store, cipher)
    stored = StoredKeyRing(store.read_key, cipher, lambda key, scope: b"", scopes_per_key=1, bound=never_stale())
    ring = SingleFlightKeyRing(stored, timeout=60, bound=never_stale())
    schemes = {"aws-sigv4": BUILT_IN["aws-sigv4"]}
    issuer = Issuer(store=store, ring=ring, cipher=cipher, schemes=schemes, clock=time.time, revoke_bound=1)
    print("ready - -", flush=True)
    while True:
        secret = random.randbytes(32)
        material = ImportedMaterial(key_id="IMP" + random.randbytes(8).hex(), secret=secret) if random.random() < 0.3 else None
        issued = issuer.issue(KeyDraft(material=material), actor="child")
        key_id, text = issued.record.key_id, secret if material else issued.secret.encode()
        print("issued", key_id, text.hex(), flush=True)
        if random.random() < 0.5:
            change = KeyChange(key_id=key_id, etag="", mask=frozenset({"principal"}), principal="changed")
            issuer.update(change, actor="child")
            print("changed", key_id, text.hex(), flush=True)
        if random.random() < 0.5:
            issuer.revoke(key_id, "reason", actor="child")
            print("revoked", key_id, text.hex(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
