"""Ask a Counterseal service who signed a request, begin and end sessions. Import from here; the modules may change."""

from counterseal.core.body import Link
from counterseal.core.payload import (
    AlreadyChecked,
    BodyDigests,
    BodySha256,
    ChunkUnsigned,
    LeftToCaller,
    PayloadDuty,
    Unsigned,
)
from counterseal_client.aio import AsyncVerifier
from counterseal_client.connection import Connection, Tls
from counterseal_client.errors import CallerRefused, RequestNotAccepted, VerifierError, VerifierUnavailable
from counterseal_client.model import (
    ChunkSigned,
    ChunksVerified,
    Coverage,
    Demand,
    HttpRequest,
    Rejected,
    Scope,
    Verdict,
    Verified,
)
from counterseal_client.session_model import (
    AccessToken,
    Refused,
    SessionInfo,
    SessionKey,
    SessionPage,
    SignedIn,
    SignedOut,
    TemporaryCredentials,
)
from counterseal_client.sessions import AsyncSessions, Sessions
from counterseal_client.verifier import Verifier

__version__ = "0.1.0"

__all__ = [
    "AccessToken",
    "AlreadyChecked",
    "AsyncSessions",
    "AsyncVerifier",
    "BodyDigests",
    "BodySha256",
    "CallerRefused",
    "ChunkSigned",
    "ChunkUnsigned",
    "ChunksVerified",
    "Connection",
    "Coverage",
    "Demand",
    "HttpRequest",
    "LeftToCaller",
    "Link",
    "PayloadDuty",
    "Refused",
    "Rejected",
    "RequestNotAccepted",
    "Scope",
    "SessionInfo",
    "SessionKey",
    "SessionPage",
    "Sessions",
    "SignedIn",
    "SignedOut",
    "TemporaryCredentials",
    "Tls",
    "Unsigned",
    "Verdict",
    "Verified",
    "Verifier",
    "VerifierError",
    "VerifierUnavailable",
]
