"""The signature base (RFC 9421 section 2.5)."""

from collections.abc import Mapping, Sequence

from counterseal.core import structured_fields as sf
from counterseal.core.http import ReadRequest
from counterseal.core.model import Reason, Refusal
from counterseal.core.schemes.rfc9421 import facts
from counterseal.core.schemes.rfc9421.components import Component, read_component
from counterseal.core.schemes.rfc9421.values import Values


def read_components(covered: sf.InnerList) -> tuple[Component, ...]:
    """Read the list of covered components.

    Raises:
        Refusal: MALFORMED or UNSUPPORTED_SCHEME: too many, one given twice, or one that `read_component` refuses.
    """
    if len(covered.items) > facts.MAX_COMPONENTS:
        raise Refusal(Reason.MALFORMED, f"covered components: more than {facts.MAX_COMPONENTS}")
    components = tuple(read_component(item) for item in covered.items)
    # Section 2: "Each component identifier MUST occur only once". The same name with other parameters is another one.
    if len({component.identity for component in components}) != len(components):
        raise Refusal(Reason.MALFORMED, "covered components: one is given more than once")
    return components


def signature_base(
    request: ReadRequest,
    covered: sf.InnerList,
    *,
    components: Sequence[Component] | None = None,
    structured: Mapping[str, str] = facts.STRUCTURED_FIELDS,
) -> bytes:
    """Return what is signed: a line for each component, in the order of the list, then the list itself with its parameters.

    The last line is the list written by the rules of RFC 9651, as section 2.3 says, whatever blanks it was sent with.
    `components` are those of `covered`, if they have been read; `structured` names structured fields and their types.

    Raises:
        Refusal: MALFORMED or UNSUPPORTED_SCHEME, see `read_components` and `Values`.
    """
    if components is None:
        components = read_components(covered)
    values = Values(request, structured)
    texts = [component.text.encode("ascii") for component in components]
    lines = [b"%s: %s" % (text, values.of(component)) for text, component in zip(texts, components, strict=True)]
    lines.append(b'"@signature-params": (%s)%s' % (b" ".join(texts), sf.serialise_parameters(covered.parameters)))
    return b"\n".join(lines)
