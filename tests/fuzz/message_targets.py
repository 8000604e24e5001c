"""Fuzz targets for the other messages: those of KeyService, and what a client makes of an answer."""

import datetime as dt
from typing import Any

from google.protobuf.message import DecodeError, Message

from counterseal.core import payload
from counterseal.server.errors import InvalidField
from counterseal.server.rpc.key_messages import put_page, read_change, read_draft, read_query
from counterseal.server.store.records import KeyPage, OfferedPublicKey
from counterseal.v1 import keys_pb2, verification_pb2
from counterseal_client import _convert
from counterseal_client.errors import VerifierError
from counterseal_client.model import ChunkSigned, Verified
from tests.fuzz.checks import check

SEEN = frozenset({"a", "b"})  # the tenants that the caller of ListKeys may see
DUTIES: dict[str, type] = {
    "already_checked": payload.AlreadyChecked,
    "body_sha256": payload.BodySha256,
    "body_digests": payload.BodyDigests,
    "chunk_signed": ChunkSigned,
    "chunk_unsigned": payload.ChunkUnsigned,
    "unsigned": payload.Unsigned,
    "left_to_caller": payload.LeftToCaller,
}


def key_messages(data: bytes) -> None:
    """Read the bytes as each of the requests that carry more than a key id."""
    for kind, read in (
        (keys_pb2.IssueKeyRequest, _draft),
        (keys_pb2.UpdateKeyRequest, _change),
        (keys_pb2.ListKeysRequest, _query),
    ):
        try:
            read(kind.FromString(data))
        except (DecodeError, InvalidField):
            continue


def _draft(message: Any) -> None:
    draft = read_draft(message)
    check(draft.tenant != "", "a key has a tenant")
    check((draft.material is not None) == (message.WhichOneof("material") is not None), "no material that was not sent")
    check(isinstance(draft.material, OfferedPublicKey) == message.HasField("public_key"), "what is public is read as public")
    _check_time(message.HasField("not_before_time"), message.not_before_time, draft.not_before)
    _check_time(message.HasField("expire_time"), message.expire_time, draft.expires)


def _change(message: Any) -> None:
    change = read_change(message)
    check(bool(change.mask) and change.mask == set(message.update_mask.paths), "only what the mask names is changed")
    check((change.state is not None) == ("state" in change.mask), "a state is changed when it is named")
    check(change.expires is None or "expire_time" in change.mask, "a time is changed when it is named")


def _check_time(sent: bool, stamp: Any, read: dt.datetime | None) -> None:
    check((read is not None) == sent, "a time is there when it was sent")
    if read is not None:
        stamp_again = type(stamp)()
        stamp_again.FromDatetime(read)
        # Fields of its own that a sender added are not the time.
        same = (stamp_again.seconds, stamp_again.nanos) == (stamp.seconds, stamp.nanos)
        check(same, "a time comes back as it was sent")


def _query(message: Any) -> None:
    for tenants in (None, SEEN, frozenset[str]()):
        query = read_query(message, tenants)
        if tenants is not None:
            check(query.tenants is not None and query.tenants <= tenants, "a caller sees no other tenants than its own")
        else:
            check(
                query.tenants == (frozenset({message.tenant}) if message.tenant else None), "the tenant named is the one listed"
            )
        page = keys_pb2.ListKeysResponse()
        put_page(page, KeyPage(records=(), next_after=query.after))
        again = read_query(keys_pb2.ListKeysRequest(page_token=page.next_page_token), tenants)
        check(again.after == query.after, "a page is found again")


def key_message_seeds() -> set[bytes]:
    issue = keys_pb2.IssueKeyRequest(
        tenant="a", principal="p", labels={"l": "v"}, allowed_schemes=["aws-sigv4"], request_id="r-1"
    )
    issue.expire_time.FromSeconds(1_790_000_000)
    imported = keys_pb2.IssueKeyRequest(request_id="r 2")
    imported.imported_secret.key_id, imported.imported_secret.secret = "AKIDEXAMPLE", b"s" * 40
    public = keys_pb2.IssueKeyRequest(allowed_schemes=["rfc9421"])
    public.public_key.key_id, public.public_key.raw = "pub-1", bytes(32)
    early = keys_pb2.IssueKeyRequest()
    early.not_before_time.seconds = -(10**12)
    update = keys_pb2.UpdateKeyRequest()
    update.key.key_id, update.key.etag, update.key.state = "k", "1", keys_pb2.KEY_STATE_DISABLED
    update.key.expire_time.nanos = 1_000
    update.update_mask.paths.extend(["state", "expire_time", "labels"])
    lists = [
        keys_pb2.ListKeysRequest(page_size=5, page_token=text, tenant="a", state=keys_pb2.KEY_STATE_ACTIVE)
        for text in ("QUtJRA==", "_-", "4pi6")
    ]
    return _bytes([issue, imported, public, early, update, *lists])


def client_verdict(data: bytes) -> None:
    """Read an answer as the Python client does: it lets nothing through that the service did not."""
    try:
        message = verification_pb2.VerifyResponse.FromString(data)
        found = _convert.to_verdict(message)
    except (DecodeError, VerifierError):
        return
    if isinstance(found, Verified):
        check(message.WhichOneof("outcome") == "verified", "only a verified outcome reads as verified")
        duty = message.verified.payload_duty.WhichOneof("duty")
        check(duty is not None and type(found.payload_duty) is DUTIES[duty], "the payload duty is the one that was sent")
        check(found.key_id != "" and found.scheme != "", "a key and a scheme are named")
    else:
        check(400 <= found.http_status <= 499 and found.reason != "", "a refusal is one for HTTP as well")


def client_verdict_seeds() -> set[bytes]:
    answers = []
    for duty in DUTIES:
        answer = verification_pb2.VerifyResponse()
        answer.verified.key_id, answer.verified.scheme = "AKIDEXAMPLE", "aws-sigv4"
        answer.verified.signed_time.FromSeconds(1_790_000_000)
        answer.verified.scope.region = "eu-west-1"
        getattr(answer.verified.payload_duty, duty).SetInParent()
        answers.append(answer)
    by_duty = dict(zip(DUTIES, answers, strict=True))
    by_duty["body_sha256"].verified.payload_duty.body_sha256.sha256 = bytes(32)
    by_duty["body_digests"].verified.payload_duty.body_digests.digests.add(algorithm="sha-256", value=bytes(32))
    by_duty["chunk_signed"].verified.payload_duty.chunk_signed.continuation = b"a ticket"
    by_duty["unsigned"].verified.signed_time.seconds = 10**15
    refused = verification_pb2.VerifyResponse()
    refused.rejected.reason = verification_pb2.REJECTION_REASON_TOO_OLD
    refused.rejected.public_error.http_status = 200
    refused.rejected.allowed_skew.seconds = 10**18
    no_duty = verification_pb2.VerifyResponse()
    no_duty.verified.key_id, no_duty.verified.scheme = "AKIDEXAMPLE", "aws-sigv4"
    return _bytes([*answers, refused, no_duty])


def _bytes(messages: list[Message]) -> set[bytes]:
    return {message.SerializeToString(deterministic=True) for message in messages}
