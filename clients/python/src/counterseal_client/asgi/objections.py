"""Why a gateway refuses a request that the service verified."""

from typing import assert_never

from counterseal.core.payload import AlreadyChecked, BodyDigests, BodySha256, ChunkSigned, ChunkUnsigned, LeftToCaller, Unsigned
from counterseal_client.asgi import answers
from counterseal_client.asgi.answers import Answer
from counterseal_client.asgi.types import Scope
from counterseal_client.model import ChunkSigned as ChunksToVerify
from counterseal_client.model import HttpRequest, Verified


def objection(verified: Verified, request: HttpRequest, scope: Scope, allow_unsigned: bool) -> Answer | None:
    """Return what is objected to, or None. `request` is what the service was asked about."""
    covered = verified.coverage
    if not (covered.method and covered.path and covered.query and verified.verified_path.startswith(b"/")):
        return answers.NOT_COVERED
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
