"""A row that cannot be read, seen from outside: INTERNAL with a fixed text, and one more on the alarm's counter."""

import re
import sqlite3
import urllib.request
from collections.abc import Callable
from pathlib import Path

from counterseal.v1 import keys_pb2
from tests.server.calls import Client, Issued, bearer, failing, signed
from tests.support.process import RunningServer, running_server


def alarms(server: RunningServer) -> float:
    text = urllib.request.urlopen(server.metrics_url, timeout=30).read().decode()
    return sum(float(value) for value in re.findall(r"(?m)^counterseal_seal_broken_total(?:\{[^}]*\})? ([0-9.e+]+)$", text))


CALLS: list[Callable[[Client, Issued], object]] = [
    lambda client, key: client.verify(signed(key)),
    lambda client, key: client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=key.key_id), metadata=client.admin),
    lambda client, key: client.keys.ListKeys(keys_pb2.ListKeysRequest(), metadata=client.admin),
    lambda client, key: client.update(key.key_id, "principal", principal="x"),
    lambda client, key: client.revoke(key.key_id),
]


SPOILT = ["labels = '{'", "state = 'GONE'", "created = 'x'", "description = CAST(x'ff' AS TEXT)"]


def test_the_alarm_is_raised(tmp_path: Path) -> None:
    number = 0
    with running_server(tmp_path / "data") as server, server.channel() as channel:
        client = Client(channel, bearer(server.admin_token))
        for spoilt in SPOILT:
            key = client.issue()
            with sqlite3.connect(tmp_path / "data" / "counterseal.db", timeout=60) as database:
                before = database.execute("SELECT labels, state, created, description FROM keys").fetchone()
                database.execute(f"UPDATE keys SET {spoilt}")
            for call in CALLS:
                number += 1
                with failing() as seen:
                    call(client, key)
                assert (seen[0].code, seen[0].reason) == ("INTERNAL", "INTERNAL"), (number, seen)
                assert "GONE" not in seen[0].text
                assert alarms(server) == number
            with sqlite3.connect(tmp_path / "data" / "counterseal.db", timeout=60) as database:
                database.execute("UPDATE keys SET labels = ?, state = ?, created = ?, description = ?", before)
            assert client.verify(signed(key)) == "verified"
            with sqlite3.connect(tmp_path / "data" / "counterseal.db", timeout=60) as database:
                database.execute("DELETE FROM keys")
