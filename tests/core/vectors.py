"""Reading tests/vectors: a case becomes a request, a key and a time."""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterseal.core.model import HttpRequest, Key, KeyState
from counterseal.core.schemes.aws_sigv4 import PathRules

FOLDER = Path(__file__).parent.parent / "vectors"
SUITES = ("aws-c-auth-v4", "aws-docs-general-sigv4", "aws-docs-s3-sigv4", "aws-legacy-suite-v4")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case of a suite; `raw` is the JSON as it stands in the file."""

    suite: str
    raw: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def expected(self) -> dict[str, Any]:
        found: dict[str, Any] = self.raw["expected"]
        return found

    @property
    def now(self) -> float:
        return dt.datetime.fromisoformat(self.raw["context"]["now"]).timestamp()

    @property
    def rules(self) -> PathRules:
        context = self.raw["context"]
        return PathRules(normalise=context["normalize_path"], encode_twice=context["double_encode_path"])

    def request(self) -> HttpRequest:
        """Return the request as on the wire; names in lower case, as a gateway hands them over."""
        raw = self.raw["request"]
        return HttpRequest(
            method=raw["method"].encode(),
            target=raw["target"].encode(),
            headers=tuple((name.lower().encode(), value.encode()) for name, value in raw["headers"]),
            content=_body(raw),
        )

    def key(self) -> Key:
        """Return the case's key; it has a security token where the request states one."""
        raw = self.raw["key"]
        stated = "ecurity-token" in str(self.raw["request"]["headers"]).lower() + self.raw["request"]["target"].lower()
        token = hashlib.sha256(raw["token"].encode()).digest() if raw.get("token") and stated else None
        return Key(
            key_id=raw["id"],
            tenant="vectors",
            secret=raw["secret"].encode(),
            allowed_schemes=frozenset({"aws-sigv4"}),
            state=KeyState.ACTIVE,
            security_token_sha256=token,
        )


def _body(raw: dict[str, Any]) -> bytes:
    if "body_base64" in raw:
        body = base64.b64decode(raw["body_base64"], validate=True)
        assert hashlib.sha256(body).hexdigest() == raw["body_sha256"]
        return body
    parts = [part[1] if part[0] == "literal" else part[1] * part[2] for part in raw["body_parts"]]
    return "".join(parts).encode()


def cases(suite: str, scheme: str = "sigv4") -> Iterator[Case]:
    """Yield the cases of a suite that are for `scheme`."""
    content = json.loads((FOLDER / f"{suite}.json").read_text())
    assert content["count"] == len(content["cases"])
    for raw in content["cases"]:
        if raw["scheme"] == scheme:
            yield Case(suite=suite, raw=raw)
