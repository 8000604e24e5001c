"""Which vocabulary a refusal is shown in, and what is asked for along with a 401.

The claim's scheme decides. Without a claim, the scheme decides that recognises the request among those that the demand leaves;
and where none does, the first of them, in the order in which the settings enable them. A bearer token that is none of ours is
answered as a bearer token.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

from counterseal.core import http
from counterseal.core.model import Claim, Demand, HttpRequest, Reason, Refusal, Subject
from counterseal.core.schemes import Scheme
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from counterseal.core.schemes.bearer import Bearer
from counterseal.core.schemes.rfc9421 import Rfc9421, accept_signature
from counterseal.core.sigv4.scheme import FamilyScheme
from counterseal.server.rpc.public_errors import (
    BEARER_CHALLENGE,
    Public,
    bearer_error,
    plain_error,
    s3_error,
    unsigned_error,
)

_BEARER: Final = re.compile(rb"[ \t]*bearer(?:[ \t]|\Z)", re.IGNORECASE)


class PublicErrors:
    """Chooses what may be shown of a refusal. `enabled` are the schemes that verify, in the settings' order."""

    def __init__(self, enabled: Mapping[str, Scheme]) -> None:
        self._enabled = enabled

    def of(self, reason: Reason, subject: Subject, demand: Demand, claim: Claim | None) -> Public:
        """Return what the outside may learn. `claim` None: the refusal came before a key was looked for."""
        left = [
            scheme for name, scheme in self._enabled.items() if not demand.allowed_schemes or name in demand.allowed_schemes
        ]
        scheme = self._enabled.get(claim.scheme) if claim is not None else _recognised(subject, left)
        scheme = scheme or (left[0] if left else next(iter(self._enabled.values())))
        bearer = any(isinstance(other, Bearer) for other in left)
        if isinstance(scheme, FamilyScheme | AwsSigV2):
            public = s3_error(reason, subject, demand, key_asked=claim is not None)
            # Who demands tokens beside S3's signatures has clients that look for the challenge; S3's own do not mind it.
            challenged = reason is Reason.UNSIGNED and bearer and bool(demand.allowed_schemes)
            return dataclasses.replace(public, headers=BEARER_CHALLENGE) if challenged else public
        public = _plain(reason, scheme, left, bearer=bearer, key_asked=claim is not None)
        if public.http_status == 401 and any(isinstance(other, Rfc9421) for other in left):
            return _asking(public, subject, demand)
        return public


def _recognised(subject: Subject, schemes: list[Scheme]) -> Scheme | None:
    if not isinstance(subject, HttpRequest):
        return next((scheme for scheme in schemes if scheme.name == subject.scheme), None)
    try:
        request = http.read_request(subject)
        found = next((scheme for scheme in schemes if scheme.recognises(request)), None)
    except Refusal:
        return None
    if found is None and any(_BEARER.match(value) for value in request.headers.get(b"authorization", ())):
        return next((scheme for scheme in schemes if isinstance(scheme, Bearer)), None)
    return found


def _plain(reason: Reason, scheme: Scheme, left: list[Scheme], *, bearer: bool, key_asked: bool) -> Public:
    if reason is Reason.UNSIGNED and bearer:
        return unsigned_error(bearer_alone=len(left) == 1)
    if isinstance(scheme, Bearer):
        return bearer_error(reason, key_asked=key_asked)
    return plain_error(reason, key_asked=key_asked)


def _asking(public: Public, subject: Subject, demand: Demand) -> Public:
    """Return the error with `accept-signature` (RFC 9421 section 5.1): what would have been accepted."""
    try:
        wanted = accept_signature(demand, body=isinstance(subject, HttpRequest) and _has_body(subject))
    except ValueError:  # a demand that cannot be said there is still one that can be refused by
        return public
    return dataclasses.replace(public, headers=(*public.headers, ("accept-signature", wanted)))


def _has_body(request: HttpRequest) -> bool:
    if request.content is not None:
        return request.content != b""
    fields = dict(request.headers)
    return b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"
