"""Ask a Counterseal service who signed a request. Import from here; the modules behind may change."""

from counterseal.core.payload import (
    AlreadyChecked,
    BodySha256,
    ChunkSigned,
    ChunkUnsigned,
    LeftToCaller,
    PayloadDuty,
    Unsigned,
)
from counterseal_client.aio import AsyncVerifier
from counterseal_client.connection import Connection, Tls
from counterseal_client.errors import CallerRefused, RequestNotAccepted, VerifierError, VerifierUnavailable
from counterseal_client.model import Coverage, Demand, HttpRequest, Rejected, Scope, Verdict, Verified
from counterseal_client.verifier import Verifier

__version__ = "0.1.0"

__all__ = [
    "AlreadyChecked",
    "AsyncVerifier",
    "BodySha256",
    "CallerRefused",
    "ChunkSigned",
    "ChunkUnsigned",
    "Connection",
    "Coverage",
    "Demand",
    "HttpRequest",
    "LeftToCaller",
    "PayloadDuty",
    "Rejected",
    "RequestNotAccepted",
    "Scope",
    "Tls",
    "Unsigned",
    "Verdict",
    "Verified",
    "Verifier",
    "VerifierError",
    "VerifierUnavailable",
]
