"""What `curl -F` sent, recorded: the fields were signed here, and the form was written there."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.model import HttpRequest, Verified
from tests.core.post_form.parts import adding, verdict

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "recorded.json").read_text())["requests"]


@pytest.mark.parametrize(("record", "scheme"), list(zip(RECORDED, ["aws-sigv4", "aws-sigv2"], strict=True)))
def test_curl(record: dict[str, Any], scheme: str) -> None:
    request = HttpRequest(
        method=record["method"].encode(),
        target=record["target"].encode(),
        headers=tuple((name.encode(), value.encode()) for name, value in record["headers"]),
        content=base64.b64decode(record["body_base64"], validate=True),
    )
    found = verdict(request)
    assert isinstance(found, Verified), found
    assert found.scheme == scheme
    assert not isinstance(verdict(adding(b"x-amz-acl", b"public-read")(request)), Verified)
