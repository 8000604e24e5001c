"""Reading tests/vectors/rfc9421*.json: a case becomes a request, a key and a time."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterseal.core import asymmetric
from counterseal.core.model import HttpRequest, Key, KeyState

FOLDER = Path(__file__).parent.parent.parent / "vectors"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case of a suite; `raw` is the JSON as it stands in the file."""

    raw: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def expected(self) -> dict[str, Any]:
        found: dict[str, Any] = self.raw["expected"]
        return found

    @property
    def is_request(self) -> bool:
        return str(self.raw.get("message_type", "request")) == "request"

    @property
    def label(self) -> str:
        return str(self.raw["context"]["label"])

    @property
    def created(self) -> int:
        found = re.search(r";created=([0-9]+)", self.expected["signature_input"])
        assert found
        return int(found[1])

    def request(self, *, unfolded: bool = True) -> HttpRequest:
        """Return the request as a gateway hands it over; names in lower case, folded lines unfolded (RFC 9112 section 5.2)."""
        raw = self.raw["request"]
        fold = re.compile(rb"[ \t]*\r?\n[ \t]+")
        headers = [(name.lower().encode(), value.encode()) for name, value in raw["headers"]]
        return HttpRequest(
            method=raw["method"].encode(),
            target=raw["target"].encode(),
            headers=tuple((name, fold.sub(b" ", value) if unfolded else value) for name, value in headers),
            content=base64.b64decode(raw["body_base64"]) if "body_base64" in raw else None,
            scheme=raw.get("scheme") or self.raw.get("context", {}).get("target_scheme", ""),
            trailers=tuple((name.lower().encode(), value.encode()) for name, value in self.raw.get("trailers", ())),
        )

    def key(self) -> Key:
        """Return the case's key, as IssueKey would register it."""
        raw = self.raw["key"]
        public, secret = None, b""
        if "public_key_pem" in raw:
            public = asymmetric.read_public_key(raw["public_key_pem"].encode(), algorithm=raw["alg"])
        else:
            secret = base64.b64decode(raw["secret_base64"])
        return Key(
            key_id=raw["id"],
            tenant="",
            secret=secret,
            public_key=public,
            allowed_schemes=frozenset({"rfc9421"}),
            state=KeyState.ACTIVE,
        )


def suite(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def cases(name: str) -> Iterator[Case]:
    for raw in suite(name)["cases"]:
        yield Case(raw=raw)


def deviations(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / "deviations" / f"{name}.json").read_text())["deviations"]
    return found
