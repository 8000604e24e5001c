"""Why a gateway refuses a request that the service verified."""

from collections.abc import Collection
from typing import Final, assert_never

from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, ChunkSigned, ChunkUnsigned, LeftToCaller, Unsigned
from counterseal_client.asgi import answers
from counterseal_client.asgi.answers import Answer
from counterseal_client.asgi.types import Scope
from counterseal_client.model import BEARER, Demand, HttpRequest, Verified
from counterseal_client.model import ChunkSigned as ChunksToVerify

# What a request is about, as the names of a coverage.
PARTS: Final = frozenset({"method", "path", "query"})


def uncovered(verified: Verified, required: Collection[str], demand: Demand | None) -> Answer | None:
    """Return what is objected to when the signature leaves something open that it has to cover, or None.

    A bearer token covers nothing. A gateway of signed requests must not come to let it pass because the service learnt it: the
    gateway's own demand has to name it, also where everything may be left open.
    """
    if verified.scheme == BEARER:
        return None if demand is not None and BEARER in demand.allowed_schemes else answers.NOT_SIGNED
    covered = verified.coverage
    if not all(getattr(covered, part) for part in required):
        return answers.NOT_COVERED
    # A path that is said to be covered, and is not there, cannot be handed on.
    return answers.NOT_COVERED if covered.path and not verified.verified_path.startswith(b"/") else None


def objection(verified: Verified, request: HttpRequest, scope: Scope, allow_unsigned: bool) -> Answer | None:
    """Return what is objected to about the body, or None. `request` is what the service was asked about."""
    if scope["type"] == "websocket" and not allow_unsigned:
        return answers.UNSIGNED_BODY  # the handshake is signed, its frames are not
    duty = verified.payload_duty
    match duty:
        case AlreadyChecked():
            # True only of a body that the service was told about.
            known = request.content is not None or request.content_sha256 is not None
            return None if known else answers.UNSIGNED_BODY
        case BodySha256() | BodyDigests():
            return None
        case ChunkSigned():
            # An older service gives nothing to verify chunks with; and a handshake has none.
            able = isinstance(duty, ChunksToVerify) and (duty.continuation or duty.signing_key)
            return None if able and scope["type"] == "http" else answers.CHUNKS_NOT_CHECKED
        case ChunkUnsigned() | Unsigned():
            return None if allow_unsigned else answers.UNSIGNED_BODY
        case LeftToCaller():
            return answers.UNSIGNED_BODY  # of string-to-sign subjects only, which are never sent from here
        case _:
            assert_never(duty)
