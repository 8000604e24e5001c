"""Fuzz targets for messages about chunks and public keys, and for the tickets that come back."""

from google.protobuf.message import DecodeError

from counterseal.core.asymmetric import read_public_key
from counterseal.core.body.chain import ECDSA_CHUNKS, HMAC_CHUNKS, NOTHING_SHA256, ChunkChain, advance
from counterseal.core.model import Rejected, Scope
from counterseal.core.schemes import BUILT_IN
from counterseal.server.errors import InvalidField
from counterseal.server.keys import drafts
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.tickets import MAX_TICKET_BYTES, ChunkTicket, TicketCipher, TicketUnreadable
from counterseal.server.rpc.chunks import MAX_CHUNKS, read_links
from counterseal.server.rpc.key_messages import put_key, read_draft
from counterseal.server.store.records import PublicMaterial
from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.fuzz.checks import check
from tests.store import samples

CIPHER = TicketCipher(MasterKeys(active="mk-1", keys={"mk-1": bytes(range(32)), "mk-0": bytes(32)}))
EITHER = {name: BUILT_IN[name] for name in ("rfc9421", "aws-sigv4")}
P256 = read_public_key(
    b"\x04"
    + bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
    + bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
)


def chunk_message(data: bytes) -> None:
    """Read a VerifyChunksRequest off the wire, and verify its links by keys that nobody signed with."""
    try:
        message = pb.VerifyChunksRequest.FromString(data)
        links, trailer = read_links(message)
    except (DecodeError, InvalidField):
        return
    check(len(links) == len(message.chunks) <= MAX_CHUNKS, "every chunk is read, and there are not too many")
    check((trailer is not None) is message.HasField("trailer"), "a trailer is there when it was sent")
    for algorithm, key in ((HMAC_CHUNKS, b"k" * 32), (ECDSA_CHUNKS, P256)):
        chain = ChunkChain(
            algorithm=algorithm, timestamp="20261121T000000Z", scope="s", previous="00" * 32, signed_trailer=bool(data[0] & 1)
        )
        check(isinstance(advance(chain, key, links[:64], trailer), Rejected), "nothing verifies that was not signed")


def chunk_messages() -> set[bytes]:
    link = pb.Chunk(sha256=b"x" * 32, signature="0" * 64)
    last = pb.Chunk(sha256=NOTHING_SHA256, signature="0" * 64)
    padded = pb.Chunk(sha256=b"x" * 32, signature=("3006" + "02" * 6).ljust(144, "*"))
    trailer = pb.Trailer(sha256=b"t" * 32, signature="f" * 64)
    messages = [
        pb.VerifyChunksRequest(continuation=b"c", chunks=[link, last], trailer=trailer, request_id="r"),
        pb.VerifyChunksRequest(chunks=[padded]),
        pb.VerifyChunksRequest(trailer=trailer),
        pb.VerifyChunksRequest(chunks=[last, link]),
        pb.VerifyChunksRequest(continuation=b"c"),
    ]
    return {message.SerializeToString(deterministic=True) for message in messages}


def chunk_ticket(data: bytes) -> None:
    """Open a ticket: only what was sealed opens."""
    try:
        ticket = CIPHER.open(data)
    except TicketUnreadable as error:
        check(len(str(error)) < 100, "an error quotes nothing")
        return
    check(ticket == TICKET, "nothing opens that was not sealed")
    check(len(CIPHER.seal(ticket)) <= MAX_TICKET_BYTES, "tickets are limited")


TICKET = ChunkTicket(
    key_id="key-1",
    tenant="t",
    scheme="aws-sigv4",
    scope=Scope(date="20261121", region="eu-1", service="s3"),
    region_set=("eu-*",),
    chain=ChunkChain(algorithm=HMAC_CHUNKS, timestamp="20261121T000000Z", scope="s", previous="00" * 32, signed_trailer=True),
    end=1_800_000_000,
)
SEALED = {CIPHER.seal(TICKET), CIPHER.seal(TICKET)}


def chunk_tickets() -> set[bytes]:
    return SEALED | {sealed[:-1] for sealed in SEALED} | {b"\x01\x04mk-1" + bytes(60), b"\x01\xff", b""}


def public_key_offer(data: bytes) -> None:
    """Read an IssueKeyRequest with a public key: what is registered is one, and is shown as it is."""
    try:
        message = keys_pb2.IssueKeyRequest.FromString(data)
        draft = drafts.complete_draft(read_draft(message), EITHER)
    except DecodeError:
        return
    except InvalidField as error:
        check(len(str(error)) < 400, "an error quotes nothing that is long")
        return
    public = isinstance(draft.material, PublicMaterial)
    check(public is (message.WhichOneof("material") == "public_key"), "what is offered as public is read as public")
    fresh = drafts.fresh_key(draft)
    check((fresh.public_key is not None) is public and bool(fresh.secret) is not public, "a key has one kind of material")
    if fresh.public_key is None:
        return
    check(draft.allowed_schemes == {"rfc9421"}, "schemes that take no public keys are refused")
    shown = keys_pb2.Key()
    put_key(shown, samples.record(fresh.key_id, public_key=fresh.public_key))
    again = read_public_key(shown.public_key_pem.encode(), algorithm=shown.algorithm)
    check(again == fresh.public_key, "what is shown can be registered again")


def public_key_offers() -> set[bytes]:
    shown = keys_pb2.Key()
    put_key(shown, samples.record(public_key=P256))
    jwk = '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    offers = [
        keys_pb2.PublicKeyMaterial(key_id="pub-1", pem=shown.public_key_pem, algorithm="ecdsa-p256-sha256"),
        keys_pb2.PublicKeyMaterial(jwk=jwk),
        keys_pb2.PublicKeyMaterial(raw=bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")),
    ]
    messages = [keys_pb2.IssueKeyRequest(public_key=offer, request_id="r") for offer in offers]
    messages.append(keys_pb2.IssueKeyRequest(public_key=offers[1], allowed_schemes=["aws-sigv4"]))
    messages.append(keys_pb2.IssueKeyRequest(public_key=keys_pb2.PublicKeyMaterial(key_id="none")))
    return {message.SerializeToString(deterministic=True) for message in messages}


TARGETS = {
    "chunk_message": (chunk_message, chunk_messages),
    "chunk_ticket": (chunk_ticket, chunk_tickets),
    "public_key_offer": (public_key_offer, public_key_offers),
}
