"""What has to be signed: what the caller demands, or a default that leaves open other headers alone."""

from collections.abc import Sequence
from typing import Final

from counterseal.core.model import Coverage, Demand, Reason, Refusal
from counterseal.core.schemes.rfc9421.components import Component, parse_component
from counterseal.core.schemes.rfc9421.digests import check_a_digest_is_usable
from counterseal.core.schemes.rfc9421.facts import Rfc9421Claim

DEFAULT: Final = ("@method", "@authority", "@path", "@query")
_IN_TARGET: Final = frozenset({"@target-uri", "@request-target"})
# What else holds all that a derived component holds.
_STANDS_FOR: Final = {
    "@authority": frozenset({"@target-uri"}),
    "@scheme": frozenset({"@target-uri"}),
    "@path": _IN_TARGET,
    "@query": _IN_TARGET,
    "@query-param": _IN_TARGET | {"@query"},
}


def coverage_of(components: Sequence[Component]) -> Coverage:
    """Return what a list of components covers. A member of a dictionary does not cover its header."""
    names = {component.name for component in components}
    headers = [component.name.encode("ascii") for component in components if component.whole_field]
    if names & {"@authority", "@target-uri"}:
        headers.append(b"host")
    return Coverage(
        headers=tuple(dict.fromkeys(headers)),
        method="@method" in names,
        path="@path" in names or bool(names & _IN_TARGET),
        query="@query" in names or bool(names & _IN_TARGET),
        components=tuple(component.text for component in components),
    )


def check_coverage(claim: Rfc9421Claim, demand: Demand) -> None:
    """Check that what the caller demands is covered; by default method, authority, path, query, and a digest of the body.

    Whoever covers a digest means the body to be checked. So one that cannot be is refused, whatever is demanded.

    Raises:
        Refusal: NOT_COVERED, naming the component.
    """
    for wanted in demand.required_components or DEFAULT:
        try:
            needed = parse_component(wanted)
        except ValueError:
            raise Refusal(Reason.NOT_COVERED, "a component is demanded that no request can cover") from None
        if not any(_holds(component, needed) for component in claim.components):
            raise Refusal(Reason.NOT_COVERED, f"component {needed.name[:64]}: not covered")
    check_a_digest_is_usable(claim)
    if claim.digest_demanded and claim.announces_body and not claim.digests:
        raise Refusal(Reason.NOT_COVERED, "component content-digest: not covered, and there is a body")


def _holds(component: Component, needed: Component) -> bool:
    if component.identity == needed.identity or component.name in _STANDS_FOR.get(needed.name, ()):
        return True
    # All of a field, in whatever form it is signed, holds the field in any other form, and each of its members.
    # A trailer field of the same name is another one.
    return component.name == needed.name and component.whole_field and not needed.in_trailer
