"""Which vocabulary a refusal is shown in, and what is asked for along with a 401.

The claim's scheme decides. Without a claim, the scheme decides that recognises the request among those that the demand leaves;
and where none does, the first of them, in the order in which the settings enable them.
"""

import dataclasses
from collections.abc import Mapping

from counterseal.core import http
from counterseal.core.model import Claim, Demand, HttpRequest, Reason, Refusal, Subject
from counterseal.core.schemes import Scheme
from counterseal.core.schemes.aws_sigv2 import AwsSigV2
from counterseal.core.schemes.rfc9421 import Rfc9421, accept_signature
from counterseal.core.sigv4.scheme import FamilyScheme
from counterseal.server.rpc.public_errors import Public, plain_error, s3_error


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
        if isinstance(scheme, FamilyScheme | AwsSigV2):
            return s3_error(reason, subject, demand, key_asked=claim is not None)
        public = plain_error(reason, key_asked=claim is not None)
        if public.http_status == 401 and any(isinstance(other, Rfc9421) for other in left):
            return _asking(public, subject, demand)
        return public


def _recognised(subject: Subject, schemes: list[Scheme]) -> Scheme | None:
    if not isinstance(subject, HttpRequest):
        return next((scheme for scheme in schemes if scheme.name == subject.scheme), None)
    try:
        request = http.read_request(subject)
        return next((scheme for scheme in schemes if scheme.recognises(request)), None)
    except Refusal:
        return None


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
