"""Chunks verified call by call, through real servers: who may go on with an upload, and what stops one under way."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.body.chain import ChunkChain
from counterseal.core.model import Scope
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.tickets import MAX_TICKET_BYTES, ChunkTicket, TicketCipher, TicketUnreadable
from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, Issued, bearer, failing
from tests.server.inprocess import in_process
from tests.server.uploads import Upload, begun, further, outcome_of, upload
from tests.support.process import RunningServer, running_server

BOTH = "aws-sigv4,aws-sigv4a"
CALLERS = {
    "plain": "",
    "leasing": "lease = true",
    "not-leasing": "lease = false",
    "foreign-tenant": 'tenants = ["other"]',
    "own-tenant": 'tenants = ["default"]',
    "foreign-region": 'regions = ["eu-1"]',
    "foreign-service": 'services = ["sqs"]',
    "foreign-scheme": 'schemes = ["aws-sigv4a"]',
}


def _toml() -> str:
    tables = [
        f'[[callers]]\nname = "{name}"\nrole = "gateway"\n'
        f'token_sha256 = "{hashlib.sha256(_secret(name).encode()).hexdigest()}"\n{limits}\n'
        for name, limits in CALLERS.items()
    ]
    return "\n".join(tables)


def _secret(name: str) -> str:
    return f"the-bearer-of-{name}-of-sixteen"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("chunks")
    (folder / "c.toml").write_text(_toml())
    settings = {"SCHEMES": BOTH, "CONFIG": str(folder / "c.toml"), "LOG_SUCCESS_SAMPLE": "0"}
    with running_server(folder / "data", settings) as running:
        yield running


@pytest.fixture(scope="module")
def issued(client: Client) -> Issued:
    return client.issue(allowed_schemes=BOTH.split(","))


SCHEMES = [
    pytest.param(scheme, trailer, id=f"{scheme}{'-trailer' if trailer else ''}")
    for scheme, trailer in itertools.product(BOTH.split(","), (False, True))
]


@pytest.mark.parametrize(("scheme", "trailer"), SCHEMES)
def test_an_upload_is_verified_in_many_calls(client: Client, issued: Issued, scheme: str, trailer: bool) -> None:
    made, ticket = begun(client, issued, scheme=scheme, trailer=trailer)
    for number in range(3):
        answer = further(client, ticket, made.chunk(b"one" * number + b"x"), made.chunk(b"two"))
        assert outcome_of(answer) == "verified"
        ticket = answer.verified.continuation
    answer = further(client, ticket, made.chunk(b""), trailer=made.trailer() if trailer else None)
    assert outcome_of(answer) == "complete"
    assert answer.verified.continuation == b""


def test_the_trailer_may_come_by_itself(client: Client, issued: Issued) -> None:
    made, ticket = begun(client, issued, trailer=True)
    last = further(client, ticket, made.chunk(b"all of it"), made.chunk(b""))
    assert outcome_of(last) == "verified"  # not complete: the trailer is missing
    assert outcome_of(further(client, last.verified.continuation, trailer=made.trailer())) == "complete"


def _swap(made: Upload) -> dict[str, Any]:
    first, second = made.chunk(b"one"), made.chunk(b"two")
    return {"chunks": [second, first]}


def _other_bytes(made: Upload) -> dict[str, Any]:
    chunk = made.chunk(b"one")
    chunk.sha256 = hashlib.sha256(b"One").digest()
    return {"chunks": [chunk]}


def _other_signature(made: Upload) -> dict[str, Any]:
    chunk = made.chunk(b"one")
    chunk.signature = ("0" if chunk.signature[0] != "0" else "1") + chunk.signature[1:]
    return {"chunks": [chunk]}


def _seed_again(made: Upload) -> dict[str, Any]:
    chunk = made.chunk(b"one")
    chunk.signature = made.duty.seed_signature
    return {"chunks": [chunk]}


def _left_out(made: Upload) -> dict[str, Any]:
    made.chunk(b"one")
    return {"chunks": [made.chunk(b"two")]}


def _after_the_end(made: Upload) -> dict[str, Any]:
    return {"chunks": [made.chunk(b""), made.chunk(b"more")]}


def _early_trailer(made: Upload) -> dict[str, Any]:
    return {"chunks": [made.chunk(b"one")], "trailer": made.trailer()}


def _no_signature(made: Upload) -> dict[str, Any]:
    chunk = made.chunk(b"one")
    chunk.signature = chunk.signature.upper()
    return {"chunks": [chunk]}


REFUSED = {
    _swap: "MISMATCH",
    _other_bytes: "MISMATCH",
    _other_signature: "MISMATCH",
    _seed_again: "MISMATCH",
    _left_out: "MISMATCH",
    _after_the_end: "MALFORMED",
    _early_trailer: "MALFORMED",
    _no_signature: "MALFORMED",
}


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__.strip("_"))
def test_a_changed_chain_is_refused(server: RunningServer, client: Client, issued: Issued, change: Any) -> None:
    made, ticket = begun(client, issued, trailer=change is _early_trailer)
    request = pb.VerifyChunksRequest(continuation=ticket, request_id=f"r-{change.__name__.strip('_')}", **change(made))
    answer = client.verification.VerifyChunks(request)
    assert outcome_of(answer) == REFUSED[change]
    expected = ("SignatureDoesNotMatch", 403) if REFUSED[change] == "MISMATCH" else ("InvalidRequest", 400)
    public = answer.rejected.public_error
    assert (public.code, public.http_status) == expected
    assert answer.rejected.server_time.seconds > 0
    assert f"r-{change.__name__.strip('_')}" in server.log()


def test_every_changed_byte_of_a_ticket_is_refused(client: Client, issued: Issued) -> None:
    made, ticket = begun(client, issued)
    chunk = made.chunk(b"one")
    assert outcome_of(further(client, ticket, chunk)) == "verified"
    for place in range(len(ticket)):
        changed = ticket[:place] + bytes([ticket[place] ^ 1]) + ticket[place + 1 :]
        with failing() as seen:
            further(client, changed, chunk)
        assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", "continuation")
    for cut in (b"", ticket[:-1], ticket[1:], ticket + b"\0", ticket[:34], b"\x01", b"\x01\xff", b"x" * 9000):
        with failing() as seen:
            further(client, cut, chunk)
        assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", "continuation")


def test_a_ticket_shows_nothing(client: Client, issued: Issued) -> None:
    made, ticket = begun(client, issued)
    again = made.begin(client.verification.Verify(made.message))
    assert ticket != again
    for text in (issued.key_id, made.duty.seed_signature, "aws-sigv4", made.duty.scope):
        assert text.encode() not in ticket
    assert issued.secret not in ticket
    assert len(ticket) < MAX_TICKET_BYTES


def test_the_ticket_of_one_upload_is_none_of_another(client: Client, issued: Issued) -> None:
    one, ticket = begun(client, issued)
    other, _ = begun(client, client.issue())
    assert outcome_of(further(client, ticket, other.chunk(b"one"))) == "MISMATCH"
    assert outcome_of(further(client, ticket, one.chunk(b"one"))) == "verified"


LIMITS: list[tuple[dict[str, Any], str]] = [
    ({}, "chunks"),
    ({"chunks": [pb.Chunk(sha256=b"x" * 32, signature="0" * 64)] * 4097}, "chunks"),
    ({"chunks": [pb.Chunk(sha256=b"x" * 31, signature="0" * 64)]}, "chunks.sha256"),
    ({"chunks": [pb.Chunk(sha256=b"x" * 32)]}, "chunks.signature"),
    ({"chunks": [pb.Chunk(sha256=b"x" * 32, signature="0" * 161)]}, "chunks.signature"),
    ({"trailer": pb.Trailer(sha256=b"x" * 33, signature="0" * 64)}, "trailer.sha256"),
    ({"trailer": pb.Trailer(sha256=b"x" * 32)}, "trailer.signature"),
    ({"chunks": [pb.Chunk(sha256=b"x" * 32, signature="0" * 64)], "request_id": "a b"}, "request_id"),
]


@pytest.mark.parametrize(("fields", "field"), LIMITS)
def test_limits_of_a_message(client: Client, issued: Issued, fields: dict[str, Any], field: str) -> None:
    _, ticket = begun(client, issued)
    with failing() as seen:
        client.verification.VerifyChunks(pb.VerifyChunksRequest(continuation=ticket, **fields))
    assert (seen[0].code, seen[0].reason, seen[0].field) == ("INVALID_ARGUMENT", "INVALID_FIELD", field)


def test_as_many_chunks_as_a_message_takes(client: Client, issued: Issued) -> None:
    made, ticket = begun(client, issued)
    chunks = [made.chunk(b"%d" % number) for number in range(4096)]
    answer = further(client, ticket, *chunks)
    assert outcome_of(answer) == "verified"
    assert outcome_of(further(client, answer.verified.continuation, made.chunk(b""))) == "complete"
    chunks[2048].signature = "0" * 64
    assert outcome_of(further(client, ticket, *chunks)) == "MISMATCH"


STOPPING = {
    "revoked": "KEY_REVOKED",
    "disabled": "KEY_DISABLED",
    "other schemes": "UNSUPPORTED_SCHEME",
    "expired": "KEY_EXPIRED",
}


@pytest.mark.parametrize("how", STOPPING)
def test_a_key_that_changes_stops_an_upload_under_way(client: Client, how: str) -> None:
    issued = client.issue()
    made, ticket = begun(client, issued)
    answer = further(client, ticket, made.chunk(b"one"))
    assert outcome_of(answer) == "verified"
    if how == "revoked":
        client.revoke(issued.key_id)
    elif how == "disabled":
        client.update(issued.key_id, "state", state=keys_pb2.KEY_STATE_DISABLED)
    elif how == "other schemes":
        client.update(issued.key_id, "allowed_schemes", allowed_schemes=["aws-sigv4a"])
    else:
        client.update(issued.key_id, "expire_time", expire_time={"seconds": 1})
    refused = further(client, answer.verified.continuation, made.chunk(b"two"))
    assert outcome_of(refused) == STOPPING[how]
    assert refused.rejected.public_error.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("plain", "verified"),
        ("own-tenant", "verified"),
        ("foreign-tenant", "UNKNOWN_KEY"),
        ("foreign-region", "OUT_OF_SCOPE"),
        ("foreign-service", "OUT_OF_SCOPE"),
        ("foreign-scheme", "UNSUPPORTED_SCHEME"),
    ],
)
def test_a_caller_goes_on_within_its_limits_alone(client: Client, issued: Issued, name: str, outcome: str) -> None:
    """Also with a ticket that another caller was given."""
    made, ticket = begun(client, issued)
    assert outcome_of(further(client, ticket, made.chunk(b"one"), metadata=bearer(_secret(name)))) == outcome


def test_a_set_of_regions_is_kept_to_as_well(client: Client, issued: Issued) -> None:
    for region, outcome in (("eu-*", "verified"), ("us-*", "OUT_OF_SCOPE")):
        made, ticket = begun(client, issued, scheme="aws-sigv4a", region=region)
        assert outcome_of(further(client, ticket, made.chunk(b"one"), metadata=bearer(_secret("foreign-region")))) == outcome


def test_a_set_that_was_let_through_for_one_region_goes_on_for_it(client: Client) -> None:
    """The key's policy looks at what was demanded, and calls about chunks demand nothing."""
    issued = client.issue(allowed_schemes=["aws-sigv4a"], policy={"regions": ["eu-1", "eu-2"]})
    demand = pb.Demand(regions=["eu-1", "us-1"])
    made, ticket = begun(client, issued, scheme="aws-sigv4a", region="*", demand=demand)
    answer = further(client, ticket, made.chunk(b"one"))
    assert outcome_of(answer) == "verified"
    ticket = answer.verified.continuation
    client.update(issued.key_id, "policy", policy={"regions": ["eu-2", "us-1"]})  # good elsewhere alone by now
    assert outcome_of(further(client, ticket, made.chunk(b"two"))) == "OUT_OF_SCOPE"


def test_nobody_goes_on_without_being_known(server: RunningServer, client: Client, issued: Issued) -> None:
    made, ticket = begun(client, issued)
    with failing() as seen:
        further(client, ticket, made.chunk(b"one"), metadata=bearer("not-a-bearer-that-anybody-gave-out"))
    assert seen[0].code == "UNAUTHENTICATED"


def test_another_replica_goes_on(server: RunningServer, client: Client, issued: Issued) -> None:
    made, ticket = begun(client, issued)
    answer = further(client, ticket, made.chunk(b"one"))
    with running_server(server.data_dir, {"SCHEMES": BOTH}) as replica, replica.channel() as channel:
        other = Client(channel)
        there = further(other, answer.verified.continuation, made.chunk(b"two"))
        assert outcome_of(there) == "verified"
    assert outcome_of(further(client, there.verified.continuation, made.chunk(b""))) == "complete"


def test_a_stranger_with_other_master_keys_makes_no_ticket(client: Client, issued: Issued, tmp_path: Path) -> None:
    """Not even one that knows the key: it is the service that says that a request was verified."""
    with running_server(tmp_path / "data") as stranger, stranger.channel() as channel:
        strange = Client(channel, bearer(stranger.admin_token))
        imported = {"key_id": issued.key_id, "secret": issued.secret}
        strange.issue(imported_secret=imported)
        made, ticket = begun(strange, issued)
        assert outcome_of(further(strange, ticket, made.chunk(b"one"))) == "verified"
        with failing() as seen:
            further(client, ticket, made.chunk(b"two"))
    assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", "continuation")


def test_an_upload_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterseal.server.chunks.UPLOAD_SECONDS", -2)
    with in_process(tmp_path / "data") as server:
        made, ticket = begun(server.client, server.client.issue())
        answer = further(server.client, ticket, made.chunk(b"one"))
        assert outcome_of(answer) == "TOO_OLD"
        assert answer.rejected.public_error.code == "RequestTimeout"


def test_a_request_without_signed_chunks_begins_nothing(client: Client, issued: Issued) -> None:
    made = upload(issued)
    for header in made.message.http_request.headers:
        assert header.value != b"UNSIGNED-PAYLOAD"
    made.message.demand.services.append("sqs")
    assert client.verify(made.message) == "OUT_OF_SCOPE"


# Leases.


@pytest.mark.parametrize(
    ("name", "leases"),
    [("leasing", True), ("not-leasing", False), ("plain", False), ("", False), ("the administrator", True)],
)
@pytest.mark.parametrize("scheme", BOTH.split(","))
def test_who_may_lease(server: RunningServer, client: Client, issued: Issued, name: str, leases: bool, scheme: str) -> None:
    secret = server.admin_token if name == "the administrator" else _secret(name)
    metadata = bearer(secret) if name else ()
    made = upload(issued, scheme=scheme, lease_signing_key=True, request_id=f"lease-{name.replace(' ', '-')}-{scheme}")
    if not leases:
        with failing() as seen:
            client.verification.Verify(made.message, metadata=metadata)
        assert (seen[0].code, seen[0].reason) == ("PERMISSION_DENIED", "CALLER_NOT_PERMITTED")
        return
    made.begin(client.verification.Verify(made.message, metadata=metadata))
    assert made.duty.signing_key == _signing_key(issued, made.duty.scope, scheme)
    line = next(line for line in server.log().splitlines() if made.message.request_id in line and '"lease"' in line)
    assert made.duty.signing_key.hex() not in line
    assert '"key_id": "' + issued.key_id in line


def _signing_key(issued: Issued, scope: str, scheme: str) -> bytes:
    import hmac

    if scheme == "aws-sigv4a":
        from counterseal.core import asymmetric
        from counterseal.core.sigv4.ecdsa import private_scalar

        return asymmetric.p256_public(private_scalar(issued.key_id, issued.secret)).spki
    key = b"AWS4" + issued.secret
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def test_a_key_is_leased_only_when_asked_for_and_only_for_chunks(client: Client, issued: Issued) -> None:
    metadata = bearer(_secret("leasing"))
    made = upload(issued)
    made.begin(client.verification.Verify(made.message, metadata=metadata))
    assert made.duty.signing_key == b""
    from tests.server.calls import signed

    plain = signed(issued, lease_signing_key=True)
    answer = client.verification.Verify(plain, metadata=metadata)
    assert answer.verified.payload_duty.WhichOneof("duty") == "already_checked"
    refused = upload(issued, lease_signing_key=True)
    refused.message.demand.regions.append("eu-1")
    answer = client.verification.Verify(refused.message, metadata=metadata)
    assert answer.WhichOneof("outcome") == "rejected"


def test_leases_of_the_anonymous_caller_are_a_setting(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", ALLOW_LEASE="true") as server:
        made = upload(server.client.issue(), lease_signing_key=True)
        made.begin(server.client.verification.Verify(made.message))
        assert len(made.duty.signing_key) == 32
        assert made.duty.signing_key.hex() not in server.log()
        counted = server.service.metrics.registry.get_sample_value("counterseal_leases_total", {"scheme": "aws-sigv4"})
        assert counted == 1


def test_chunks_are_counted_and_not_timed_as_verify(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as server:
        made, ticket = begun(server.client, server.client.issue())
        further(server.client, ticket, made.chunk(b""))
        further(server.client, ticket, pb.Chunk(sha256=b"x" * 32, signature="0" * 64))
        value = server.service.metrics.registry.get_sample_value
        assert value("counterseal_verify_chunks_total", {"outcome": "complete", "reason": ""}) == 1
        assert value("counterseal_verify_chunks_total", {"outcome": "rejected", "reason": "MISMATCH"}) == 1
        assert value("counterseal_verify_seconds_count") == 1


# The tickets themselves.


@dataclass(frozen=True)
class Rings:
    old: TicketCipher
    both: TicketCipher
    new: TicketCipher


def _rings() -> Rings:
    old, new = {"old": b"o" * 32}, {"new": b"n" * 32}
    return Rings(
        TicketCipher(MasterKeys(active="old", keys=old)),
        TicketCipher(MasterKeys(active="new", keys=new | old)),
        TicketCipher(MasterKeys(active="new", keys=new)),
    )


TICKET = ChunkTicket(
    key_id="key-1",
    tenant="t",
    scheme="aws-sigv4a",
    scope=Scope(date="20261121", region="", service="s3", terminator="aws4_request", scheme="aws-sigv4a"),
    region_set=tuple(f"region-{number:057}" for number in range(64)),
    chain=ChunkChain(
        algorithm="AWS4-ECDSA-P256-SHA256-PAYLOAD",
        timestamp="20261121T000000Z",
        scope="20261121/s3/aws4_request",
        previous="00" * 72,
        signed_trailer=True,
    ),
    end=1_800_000_000,
)


def test_tickets_survive_a_new_master_key_and_no_lost_one() -> None:
    rings = _rings()
    sealed = rings.old.seal(TICKET)
    assert rings.both.open(sealed) == TICKET
    assert rings.old.open(sealed) == TICKET
    for cipher, ticket in ((rings.new, sealed), (rings.old, rings.both.seal(TICKET))):
        with pytest.raises(TicketUnreadable):
            cipher.open(ticket)


def test_the_longest_ticket_fits() -> None:
    assert len(_rings().new.seal(TICKET)) <= MAX_TICKET_BYTES


def test_a_sealed_secret_is_no_ticket() -> None:
    """Both rest on the master keys; the keys that seal them have nothing to do with one another."""
    from counterseal.server.keys.cipher import SecretCipher

    keys = MasterKeys(active="new", keys={"new": b"n" * 32})
    sealed = SecretCipher(keys).seal(b"s" * 400, tenant="t", key_id="k", version=1)
    with pytest.raises(TicketUnreadable):
        TicketCipher(keys).open(sealed)
