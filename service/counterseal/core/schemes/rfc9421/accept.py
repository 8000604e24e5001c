"""`Accept-Signature` (RFC 9421 section 5.1): asking for a signature, e.g. beside a 401."""

from collections.abc import Sequence
from dataclasses import dataclass

from counterseal.core import structured_fields as sf
from counterseal.core.model import Demand, Reason, Refusal
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.base import read_components
from counterseal.core.schemes.rfc9421.components import Component, parse_component
from counterseal.core.schemes.rfc9421.coverage import DEFAULT

DEFAULT_LABEL = "sig1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedSignature:
    """One signature that is asked for. `parameters` are as stated: `created` true asks for a time, `keyid` names the key."""

    label: str
    components: tuple[Component, ...]
    parameters: sf.Parameters


def accept_signature(demand: Demand, *, body: bool = True) -> bytes:
    """Return the value of `Accept-Signature` that asks for what `demand` requires.

    `body` says whether the refused request had one: then a digest of it is asked for, unless the demand names its components.

    Raises:
        ValueError: a demanded component or text cannot stand in a signature.
    """
    names = demand.required_components or (DEFAULT + ("content-digest",) * body)
    covered = [parse_component(name) for name in names]
    parameters: sf.Parameters = {"created": True}
    if demand.key_id:
        parameters["keyid"] = demand.key_id
    if demand.tag:
        parameters["tag"] = demand.tag
    items = tuple(sf.Item(component.name, component.parameters) for component in covered)
    return sf.serialise_dictionary({demand.label or DEFAULT_LABEL: sf.InnerList(items, parameters)})


def read_accept_signature(lines: Sequence[bytes]) -> tuple[AcceptedSignature, ...]:
    """Read the lines of `Accept-Signature`, in a request's form: what a client is asked to sign.

    Raises:
        Refusal: MALFORMED or UNSUPPORTED_SCHEME: no dictionary of lists of components, or one that cannot be fulfilled.
    """
    if sum(map(len, lines)) > facts.MAX_FIELD:
        raise Refusal(Reason.MALFORMED, f"header accept-signature: longer than {facts.MAX_FIELD} bytes")
    try:
        members = sf.parse_dictionary(sf.join(lines), unique=True)
    except sf.StructuredFieldError as error:
        raise Refusal(Reason.MALFORMED, f"header accept-signature: {error}") from None
    return tuple(_accepted(label, member) for label, member in members.items())


def _accepted(label: str, member: sf.Member) -> AcceptedSignature:
    if not isinstance(member, sf.InnerList):
        raise Refusal(Reason.MALFORMED, "header accept-signature: a member is no list of components")
    for name, value in member.parameters.items():
        kind = facts.PARAMETERS.get(name)
        # Section 5.1: created and expires are asked for by a flag; the texts are given.
        if kind is None or (value is not True if kind is int else type(value) is not str):
            raise Refusal(Reason.MALFORMED, "header accept-signature: a parameter is not known, or not of its type")
    return AcceptedSignature(label=label, components=read_components(member), parameters=member.parameters)
