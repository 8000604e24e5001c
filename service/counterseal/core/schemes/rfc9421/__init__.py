"""`rfc9421`: HTTP Message Signatures of requests.

The stages are public, so that each can be tested and used alone: `read_claim`, `signature_base`, `matches`; `sign` for clients;
`accept_signature` and `read_accept_signature` for asking for a signature. What was decided: docs/decisions/0027.
"""

from counterseal.core.schemes.rfc9421.accept import AcceptedSignature, accept_signature, read_accept_signature
from counterseal.core.schemes.rfc9421.base import read_components, signature_base
from counterseal.core.schemes.rfc9421.claim import read_claim
from counterseal.core.schemes.rfc9421.components import Component, parse_component, read_component
from counterseal.core.schemes.rfc9421.coverage import DEFAULT as DEFAULT_COMPONENTS
from counterseal.core.schemes.rfc9421.facts import ALGORITHMS, NAME, STRUCTURED_FIELDS, Rfc9421Claim
from counterseal.core.schemes.rfc9421.matching import matches
from counterseal.core.schemes.rfc9421.scheme import Rfc9421
from counterseal.core.schemes.rfc9421.sign import sign

__all__ = [
    "ALGORITHMS",
    "DEFAULT_COMPONENTS",
    "NAME",
    "STRUCTURED_FIELDS",
    "AcceptedSignature",
    "Component",
    "Rfc9421",
    "Rfc9421Claim",
    "accept_signature",
    "matches",
    "parse_component",
    "read_accept_signature",
    "read_claim",
    "read_component",
    "read_components",
    "sign",
    "signature_base",
]
