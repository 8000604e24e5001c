"""After the faults: everything acknowledged is there, once and whole, and nothing else."""

import json
import time
from collections import Counter

from counterseal.v1 import keys_pb2
from tests.faults.ledger import APART, Held, Ledger
from tests.faults.site import Site
from tests.faults.traffic import Traffic, answered, said, until
from tests.server.calls import Client


def answers(client: Client, held: Held, version: int) -> str:
    """The verdict, at last: the service has recovered, but the machine may be busy."""
    found: list[str] = []
    until(lambda: found.append(said(client, held.issued(version))) or found[-1] != "UNAVAILABLE", "a verdict")  # type: ignore[func-returns-value]
    return found[-1]


def check_key(client: Client, held: Held) -> None:
    request = keys_pb2.GetKeyRequest(key_id=held.key_id)
    key = answered(lambda: client.keys.GetKey(request, metadata=client.admin)).key
    assert key.secrets[0].version == held.rotations + 1, "a rotation is lost, or was done twice"
    if held.refused_from is not None:
        assert key.state == keys_pb2.KEY_STATE_REVOKED, "an acknowledged revocation is lost"
        assert answers(client, held, held.rotations) == "KEY_REVOKED"
        return
    assert key.state == keys_pb2.KEY_STATE_ACTIVE, "a key is revoked by nobody"
    assert answers(client, held, held.rotations) == "verified", "an acknowledged secret is lost"
    if held.rotations >= 1:
        assert answers(client, held, held.rotations - 1) == "verified", "the older secret is lost inside its overlap"
    if held.rotations >= 2:
        assert answers(client, held, held.rotations - 2) == "MISMATCH", "more than two secrets verify"


def all_listed(client: Client) -> set[str]:
    listed: set[str] = set()
    page = ""
    while True:
        request = keys_pb2.ListKeysRequest(page_size=500, page_token=page)
        answer = answered(lambda request=request: client.keys.ListKeys(request, metadata=client.admin))  # type: ignore[misc]
        listed |= {key.key_id for key in answer.keys}
        page = answer.next_page_token
        if not page:
            return listed


def check_trail(site: Site, ledger: Ledger) -> None:
    """The commands that operators run say that all is whole; and each acknowledged change is in the trail once."""
    for words in (("audit", "verify"), ("db", "check")):
        ran = site.run(*words)
        assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
    ran = site.run("audit", "export", "--from-store")
    assert ran.returncode == 0, ran.stderr
    entries = [json.loads(line) for line in ran.stdout.splitlines()]
    done = Counter((entry["key_id"], entry["action"]) for entry in entries if entry["key_id"] in ledger.keys)
    expected: Counter[tuple[str, str]] = Counter()
    for held in ledger.keys.values():
        expected[held.key_id, "issue"] = 1
        if held.rotations:
            expected[held.key_id, "rotate"] = held.rotations
        if held.refused_from is not None:
            expected[held.key_id, "revoke"] = 1
    assert done == expected


def check_whole(site: Site, traffic: Traffic, ledger: Ledger) -> None:
    """The traffic has ended. Compares all keys and the whole trail with the ledger, and stops the server."""
    assert not ledger.wrong, "\n".join(ledger.wrong[:20])
    # The last changes are in force everywhere one bound after they were acknowledged.
    time.sleep(APART)
    with traffic.client() as client:
        assert all_listed(client) == set(ledger.keys), "a key that nobody was told of, or one that is lost"
        for held in ledger.keys.values():
            check_key(client, held)
    check_trail(site, ledger)
    # Everything opens, and can be sealed anew under the master key that is active now.
    ran = site.run("secrets", "reseal", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(ran.stdout)
    assert report["broken"] == []
    assert report["resealed"] + report["already_current"] >= len(ledger.keys)
    assert site.server.stop(60) == 0
