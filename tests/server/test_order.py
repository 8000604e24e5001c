"""The order of checks, through a real server: of several defects, the first in the order gives the answer.

Each defect is one change of a request that verifies. A request with the defects i and j, i before j, is answered for i.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.store.keystore import KeyStore
from counterseal.server.store.records import StoredKey
from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, Issued, Metadata, outcome, read_failure, signed
from tests.server.inprocess import in_process


@dataclass
class Case:
    """A request in the making: which key it uses, how it is signed, and what is done to it afterwards."""

    key: str = "active"
    at: float = 0
    region: str = "us-east-1"
    metadata: Metadata = ()
    body: bytes = b"a body"


Change = Callable[[Case], None]
Touch = Callable[[pb.VerifyRequest], None]


@dataclass(frozen=True)
class Defect:
    """`rpc` and `verdict` are separate columns: exactly one of them is set."""

    step: int
    name: str
    rpc: str = ""
    verdict: str = ""
    before: Change | None = None
    after: Touch | None = None


def _wrong_bearer(case: Case) -> None:
    case.metadata = (("authorization", "Bearer not-a-token-that-anybody-gave-out"),)


def _lease(message: pb.VerifyRequest) -> None:
    message.lease_signing_key = True


def _unknown_url_scheme(message: pb.VerifyRequest) -> None:
    message.http_request.scheme = "gopher"


def _other_demanded_scheme(message: pb.VerifyRequest) -> None:
    message.demand.allowed_schemes.append("another-scheme")


def _old(case: Case) -> None:
    case.at = time.time() - 1000


def _uncovered(message: pb.VerifyRequest) -> None:
    message.demand.required_headers.append("x-must-be-signed")


def _set_key(name: str) -> Change:
    def change(case: Case) -> None:
        case.key = name

    return change


def _spoil_signature(message: pb.VerifyRequest) -> None:
    for header in message.http_request.headers:
        if header.name == "authorization":
            value = bytes(header.value)
            header.value = value[:-1] + (b"0" if value[-1:] != b"0" else b"1")


def _other_region(message: pb.VerifyRequest) -> None:
    message.demand.regions.append("eu-central-1")


def _other_body(message: pb.VerifyRequest) -> None:
    message.http_request.content = b"another body"


DEFECTS = (
    Defect(0, "caller", rpc="UNAUTHENTICATED", before=_wrong_bearer),
    Defect(0, "permission", rpc="PERMISSION_DENIED", after=_lease),
    Defect(1, "field", rpc="INVALID_ARGUMENT", after=_unknown_url_scheme),
    Defect(2, "scheme", verdict="UNSUPPORTED_SCHEME", after=_other_demanded_scheme),
    Defect(3, "time", verdict="TOO_OLD", before=_old),
    Defect(4, "coverage", verdict="NOT_COVERED", after=_uncovered),
    Defect(5, "unknown key", verdict="UNKNOWN_KEY", before=_set_key("unknown")),
    Defect(6, "signature", verdict="MISMATCH", after=_spoil_signature),
    Defect(7, "disabled", verdict="KEY_DISABLED", before=_set_key("disabled")),
    Defect(7, "revoked", verdict="KEY_REVOKED", before=_set_key("revoked")),
    Defect(7, "expired", verdict="KEY_EXPIRED", before=_set_key("expired")),
    Defect(8, "region", verdict="OUT_OF_SCOPE", after=_other_region),
    Defect(9, "body", verdict="PAYLOAD_MISMATCH", after=_other_body),
)


@pytest.fixture(scope="module")
def keys(client: Client) -> dict[str, Issued]:
    made = {name: client.issue(principal=name) for name in ("active", "disabled", "revoked", "expired")}
    client.update(made["disabled"].key_id, "state", state=keys_pb2.KEY_STATE_DISABLED)
    client.revoke(made["revoked"].key_id)
    request = keys_pb2.UpdateKeyRequest(key=keys_pb2.Key(key_id=made["expired"].key_id))
    request.key.expire_time.FromSeconds(int(time.time()) - 1)
    request.update_mask.paths.append("expire_time")
    client.keys.UpdateKey(request, metadata=client.admin)
    return made | {"unknown": Issued("CSNOBODYHASTHISONE000000", b"x" * 40)}


def _ask(client: Client, keys: dict[str, Issued], defects: tuple[Defect, ...]) -> tuple[str, str]:
    """Return the RPC code and the verdict; one of them is empty."""
    case = Case(at=time.time())
    for defect in defects:
        if defect.before:
            defect.before(case)
    message = signed(keys[case.key], at=case.at, region=case.region, body=case.body)
    for defect in defects:
        if defect.after:
            defect.after(message)
    try:
        return "", outcome(client.verification.Verify(message, metadata=case.metadata))
    except grpc.RpcError as error:
        return read_failure(error).code, ""


def test_without_a_defect_it_verifies(client: Client, keys: dict[str, Issued]) -> None:
    assert _ask(client, keys, ()) == ("", "verified")


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_one_defect(client: Client, keys: dict[str, Issued], defect: Defect) -> None:
    assert _ask(client, keys, (defect,)) == (defect.rpc, defect.verdict)


def _pairs() -> Iterator[tuple[Defect, Defect]]:
    for first, second in itertools.combinations(DEFECTS, 2):
        # Two of them choose the key, and one request has one key.
        if first.step != second.step and not (first.name == "unknown key" and second.step == 7):
            yield first, second


@pytest.mark.parametrize("pair", list(_pairs()), ids=lambda pair: f"{pair[0].name}, {pair[1].name}")
def test_the_first_of_two(client: Client, keys: dict[str, Issued], pair: tuple[Defect, Defect]) -> None:
    first, second = pair
    assert _ask(client, keys, (first, second)) == (first.rpc, first.verdict)
    assert _ask(client, keys, (second, first)) == (first.rpc, first.verdict)


def test_all_at_once(client: Client, keys: dict[str, Issued]) -> None:
    """Take the defects away one by one, from the first on: the next one answers."""
    chosen = tuple(defect for defect in DEFECTS if defect.name not in {"unknown key", "revoked", "expired"})
    for number, defect in enumerate(chosen):
        assert _ask(client, keys, chosen[number:]) == (defect.rpc, defect.verdict)


def test_an_outage_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step 5: without a store there is no verdict. What is refused before needs none; what comes after is not looked at."""
    sound = KeyStore.read_key
    gone: list[bool] = []

    def read_key(store: KeyStore, key_id: str) -> StoredKey | None:
        if gone:
            raise StoreUnavailable("the key store did not answer")
        return sound(store, key_id)

    monkeypatch.setattr(KeyStore, "read_key", read_key)
    with in_process(tmp_path / "data", CACHE_KEY_SECONDS="0.001") as server:
        keys = {"active": server.client.issue()}
        assert _ask(server.client, keys, ()) == ("", "verified")
        gone.append(True)
        for defect in DEFECTS:
            if defect.step in {2, 3, 4, 6, 8, 9}:
                expected = (defect.rpc, defect.verdict) if defect.step < 5 else ("UNAVAILABLE", "")
                assert _ask(server.client, keys, (defect,)) == expected
        assert _ask(server.client, keys, ()) == ("UNAVAILABLE", "")
