"""What real clients sent: rclone with `v2_auth` and s3cmd with `signature_v2`, recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.model import HttpRequest, Verified
from counterseal.core.schemes.aws_sigv2.parts import read_date
from tests.core.sigv2.parts import verdict

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "recorded.json").read_text())["requests"]


def test_both_clients_are_there() -> None:
    clients = [record["client"] for record in RECORDED]
    assert min(clients.count("rclone"), clients.count("s3cmd")) >= 16


@pytest.mark.parametrize("record", RECORDED, ids=lambda record: f"{record['client']} {record['method']} {record['target']}")
def test_it_verifies_and_not_when_another_path_is_asked_for(record: dict[str, Any]) -> None:
    headers = tuple((name.encode(), value.encode()) for name, value in record["headers"])
    target = record["target"].encode()
    fields = dict(headers)
    stated = fields.get(b"x-amz-date") or fields[b"date"]
    now = read_date(stated, "date")
    assert isinstance(verdict(HttpRequest(method=record["method"].encode(), target=target, headers=headers), now=now), Verified)
    other = HttpRequest(method=record["method"].encode(), target=b"/other" + target, headers=headers)
    assert not isinstance(verdict(other, now=now), Verified)
