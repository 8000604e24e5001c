"""The search for leaked secrets finds each kind of secret in each spelling, and nothing in innocent output.

The secrets here are made up on the spot and stay in the test's folder.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import leaks

DERIVED = hashlib.sha256(b"a derived key").digest()
ODD = b'pa$$ "word" of\\ (somebody)!'
UMLAUT = "ein geheimes Schl\u00fcsselwort".encode()
BEARER = b"counterseal_admin_" + base64.urlsafe_b64encode(DERIVED).rstrip(b"=")
ISSUED = b"cssk_" + base64.urlsafe_b64encode(DERIVED[::-1]).rstrip(b"=")
TOKEN = b"cstk_CSBT" + b"A" * 20 + b"_" + DERIVED.hex()[:43].encode() + b"00000z"
REFRESH = b"csrt_" + b"A" * 24 + b"_" + DERIVED.hex().encode() + b"00000z"
SESSION = leaks.CANARY.encode() + b"0123456789"

LEAKS: dict[str, bytes] = {
    "hex": DERIVED.hex().encode(),
    "upper-case hex": DERIVED.hex().upper().encode(),
    "hex in a header": b"Credential=AKID/20150830, Signature=" + DERIVED.hex().encode(),
    "base64": base64.b64encode(DERIVED),
    "base64 without padding": base64.urlsafe_b64encode(DERIVED).rstrip(b"="),
    "repr": f"Key(secret={DERIVED!r})".encode(),
    "repr without quotes": repr(DERIVED)[2:-1].encode(),
    "repr in JSON": json.dumps({"error": f"no such key: {DERIVED!r}"}).encode(),
    "repr of a repr in JSON": json.dumps({"error": repr(str(DERIVED))}).encode(),
    "JSON of Latin-1": json.dumps(DERIVED.decode("latin-1")).encode(),
    "repr amid other bytes": repr(b"\x00\xff" + DERIVED + b"\x80").encode(),
    "list": str(list(DERIVED)).encode(),
    "list in JSON": json.dumps({"key": list(DERIVED)}, indent=1).encode(),
    "tuple amid others": str((1, 2, *DERIVED, 3)).encode(),
    "imported": b"failed for " + ODD + b".",
    "imported, repr": repr(ODD).encode(),
    "imported, JSON": json.dumps({"secret": ODD.decode()}).encode(),
    "imported, list": str(list(ODD)).encode(),
    "imported, not ASCII": b"failed for " + UMLAUT,
    "imported, not ASCII, repr": repr(UMLAUT).encode(),
    "imported, not ASCII, JSON": json.dumps(UMLAUT.decode()).encode(),
    "issued": b"secret: " + ISSUED,
    "issued, list": str(list(ISSUED)).encode(),
    "administrator": b"authorization: Bearer " + BEARER,
    "bearer token": b"authorization: Bearer " + TOKEN,
    "bearer token, cut": TOKEN[:40],
    "bearer token, repr in JSON": json.dumps({"headers": repr([(b"authorization", b"Bearer " + TOKEN)])}).encode(),
    "bearer token, list": str(list(TOKEN)).encode(),
    "refresh token": b'{"refresh_token": "' + REFRESH + b'"}',
    "security token": b"X-Amz-Security-Token=" + SESSION,
}

OTHER = hashlib.sha256(b"nobody's key").digest()
INNOCENT = b"\n".join(
    [
        b'{"event": "verify", "key_id": "CSAAAABBBBCCCC", "reason": "SIGNATURE_MISMATCH", "scheme": "aws-sigv4"}',
        b'counterseal_verify_seconds_bucket{le="0.005"} 12.0',
        b"an id and no more: cstk_CSBT" + b"A" * 20 + b"_ csrt_" + b"A" * 24 + b"_",
        b"the prefixes alone: cssk_ cstk_ csrt_ counterseal_admin_ " + leaks.CANARY.encode(),
        b"the word is gone: pa$$",
        OTHER.hex().encode(),
        base64.b64encode(OTHER),
        repr(OTHER).encode(),
        json.dumps(repr(OTHER)).encode(),
        str(list(OTHER)).encode(),
        str([300, 999, *range(40)]).encode(),
        OTHER,
        DERIVED.hex().encode()[:16],
    ]
)


@pytest.fixture
def search(tmp_path: Path) -> Callable[[bytes], list[str]]:
    """Return a search in one output, for the values that a server would have written down."""
    secrets, logs = tmp_path / "secrets", tmp_path / "let-out"
    secrets.mkdir()
    logs.mkdir()
    recorded = (DERIVED, ODD, UMLAUT)  # the others must be found without having been written down
    (secrets / "1.hex").write_text("".join(f"{value.hex()}\n" for value in recorded))
    assert leaks.count_secrets(secrets) == len(recorded)

    def find(output: bytes) -> list[str]:
        (logs / "server-1.log").write_bytes(output)
        return leaks.find_leaks(secrets, logs)

    return find


@pytest.mark.parametrize("spelling", LEAKS)
def test_each_spelling_is_found(search: Callable[[bytes], list[str]], spelling: str) -> None:
    """Whatever stands around it. What is said about it names the place, and quotes nothing."""
    found = search(INNOCENT + b"\n" + LEAKS[spelling] + b"\n" + INNOCENT)
    assert found
    first = INNOCENT.count(b"\n") + 2
    lines = range(first, first + LEAKS[spelling].count(b"\n") + 1)
    assert all(line.startswith(tuple(f"server-1.log:{number}: a secret of " for number in lines)) for line in found)
    for secret in (
        DERIVED.hex(),
        base64.b64encode(DERIVED).decode(),
        ISSUED.decode(),
        ODD.decode(),
        SESSION.decode(),
        TOKEN[30:].decode(),
    ):
        assert not any(secret[:6] in line for line in found)


def test_nothing_is_found_in_innocent_output(search: Callable[[bytes], list[str]]) -> None:
    assert search(INNOCENT) == []


def test_what_is_let_out_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`let_out` writes where `find_leaks` reads."""
    secrets, logs = tmp_path / "secrets", tmp_path / "let-out"
    secrets.mkdir()
    logs.mkdir()
    monkeypatch.setenv(leaks.LOGS, str(logs))
    leaks.let_out("rpc-error", "nothing to see")
    assert leaks.find_leaks(secrets, logs) == []
    leaks.let_out("rpc-error", f"not for you: {ISSUED.decode()}")
    assert len(leaks.find_leaks(secrets, logs)) == 1
