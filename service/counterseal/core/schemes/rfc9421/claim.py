"""Finding the signature: labels of both fields agree, the demand chooses, and every parameter has its type."""

import re
from collections.abc import Mapping
from typing import Any, Final

from counterseal.core import http
from counterseal.core import structured_fields as sf
from counterseal.core.model import Demand, HttpRequest, Reason, Refusal
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.base import read_components, signature_base
from counterseal.core.schemes.rfc9421.coverage import coverage_of
from counterseal.core.schemes.rfc9421.digests import announces_body, covered_digests
from counterseal.core.schemes.rfc9421.facts import Rfc9421Claim
from counterseal.core.scope import is_key_id

NO_DEMAND: Final = Demand()
_KINDS: Final = {int: "an integer", str: "a string"}
# A label and a byte sequence: never draft-cavage's `keyId="..."`, which stands in a field of the same name.
_DICTIONARY: Final = re.compile(rb"[ \t]*[a-z*][a-z0-9_.*-]*+=:")


def recognises(request: http.ReadRequest) -> bool:
    """Say whether the request tries to carry such a signature."""
    if b"signature-input" in request.headers:
        return True
    return any(_DICTIONARY.match(line) for line in request.headers.get(b"signature", ()))


def read_claim(
    request: HttpRequest, demand: Demand = NO_DEMAND, structured: Mapping[str, str] = facts.STRUCTURED_FIELDS
) -> Rfc9421Claim:
    """Read the claim of a request as it arrived; `demand` chooses among several signatures.

    Raises:
        Refusal: MALFORMED, AMBIGUOUS or UNSUPPORTED_SCHEME.
    """
    return read_signed(http.read_request(request), demand, structured)


def read_signed(request: http.ReadRequest, demand: Demand, structured: Mapping[str, str]) -> Rfc9421Claim:
    """Do as `read_claim`, for a request whose syntax has been read."""
    inputs, signatures = _dictionary(request, b"signature-input"), _dictionary(request, b"signature")
    if inputs.keys() != signatures.keys():
        # Sections 4.1 and 4.2: each label stands in both fields.
        raise Refusal(Reason.MALFORMED, "header signature-input: its labels are not those of header signature")
    octets = {label: _octets(member) for label, member in signatures.items()}
    label, covered = _choose({label: _inner_list(member) for label, member in inputs.items()}, demand)
    stated = _read_parameters(covered.parameters)
    components = read_components(covered)
    return Rfc9421Claim(
        scheme=facts.NAME,
        key_id=str(stated["keyid"]),
        scope=None,
        signed_time=stated["created"],
        valid_for=None,
        expires=stated.get("expires"),
        coverage=coverage_of(components),
        signature=octets[label],
        label=label,
        components=components,
        base=signature_base(request, covered, components=components, structured=structured),
        algorithm=stated.get("alg", ""),
        nonce=stated.get("nonce"),
        tag=stated.get("tag"),
        path=request.path,
        digests=covered_digests(components, request),
        announces_body=announces_body(request),
        digest_demanded=not demand.required_components,
    )


def _dictionary(request: http.ReadRequest, name: bytes) -> dict[str, sf.Member]:
    lines = request.headers.get(name)
    shown = name.decode("ascii")
    if lines is None:
        raise Refusal(Reason.MALFORMED, f"header {shown}: missing beside the other half of the signature")
    if sum(map(len, lines)) > facts.MAX_FIELD:
        raise Refusal(Reason.MALFORMED, f"header {shown}: longer than {facts.MAX_FIELD} bytes")
    try:
        members = sf.parse_dictionary(sf.join([line.strip(b" \t") for line in lines]), unique=True)
    except sf.StructuredFieldError as error:
        raise Refusal(Reason.MALFORMED, f"header {shown}: {error}") from None
    if not 1 <= len(members) <= facts.MAX_SIGNATURES:
        raise Refusal(Reason.MALFORMED, f"header {shown}: must hold 1 to {facts.MAX_SIGNATURES} signatures")
    return members


def _inner_list(member: sf.Member) -> sf.InnerList:
    if not isinstance(member, sf.InnerList):
        raise Refusal(Reason.MALFORMED, "header signature-input: a member is no list of components")
    return member


def _octets(member: sf.Member) -> bytes:
    if isinstance(member, sf.InnerList) or not isinstance(member.value, bytes) or member.parameters:
        raise Refusal(Reason.MALFORMED, "header signature: a member is no plain byte sequence")
    if not 1 <= len(member.value) <= facts.MAX_SIGNATURE:
        raise Refusal(Reason.MALFORMED, f"header signature: a signature must have 1 to {facts.MAX_SIGNATURE} bytes")
    return member.value


def _choose(inputs: Mapping[str, sf.InnerList], demand: Demand) -> tuple[str, sf.InnerList]:
    found = [
        (label, covered)
        for label, covered in inputs.items()
        if demand.label in {"", label} and demand.tag in {"", covered.parameters.get("tag")}
    ]
    if not found:
        # Not UNSIGNED: a gateway must not take the request for an anonymous one.
        raise Refusal(Reason.UNSUPPORTED_SCHEME, "header signature-input: no signature has the demanded label and tag")
    if len(found) > 1:
        raise Refusal(Reason.AMBIGUOUS, "header signature-input: several signatures, and no demand that chooses one")
    return found[0]


def _read_parameters(parameters: sf.Parameters) -> dict[str, Any]:
    """Check the signature's parameters (section 2.3), and return them."""
    for name, value in parameters.items():
        wanted = facts.PARAMETERS.get(name)
        if wanted is None:
            # Signed, so the signer means something by it; what it narrows, nobody here would check.
            raise Refusal(Reason.UNSUPPORTED_SCHEME, "header signature-input: a signature has a parameter that is not known")
        # By type: a boolean is an int to Python, and a token no string.
        if type(value) is not wanted:
            raise Refusal(Reason.MALFORMED, f"signature parameter {name}: must be {_KINDS[wanted]}")
    if "created" not in parameters:
        raise Refusal(Reason.MALFORMED, "signature parameter created: missing")
    if not is_key_id(str(parameters.get("keyid", ""))):
        raise Refusal(Reason.MALFORMED, "signature parameter keyid: must be 3 to 128 characters of [A-Za-z0-9._~:@+=/-]")
    if parameters.get("alg", facts.HMAC) not in facts.ALGORITHMS:
        raise Refusal(Reason.UNSUPPORTED_SCHEME, "signature parameter alg: not known")
    return dict(parameters)
