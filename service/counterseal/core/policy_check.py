"""Step 8, the key's own part: a claim is held to the key's policy.

Only the holder of the key learns what its limits are: this comes after the compare. A detail names the field of the policy and
never a value. What a limit needs and a signature does not cover, or nobody has told, is refused: a limit that cannot be checked
is not met.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final

from counterseal.core.encoding import percent_decode
from counterseal.core.model import Claim, Demand, HttpRequest, Reason, Refusal, Subject
from counterseal.core.policy import KeyPolicy
from counterseal.core.scope import is_in_region_set

# Encoded slashes and backslashes are one segment to some software and two to other (CVE-2021-41773).
_ENCODED_SEPARATOR: Final = re.compile(rb"%2f|%5c|%00", re.IGNORECASE)
# What is still an escape once everything was decoded, an upstream that decodes twice takes apart (CVE-2021-42013).
_TWICE_ENCODED: Final = re.compile(rb"%2e|%2f|%5c|%00", re.IGNORECASE)
# A decoded dot segment: up to what ends one or a path, also for whoever decodes once more. `..;a` is one to servlet containers,
# `.. ` to some file systems.
_DOT_SEGMENT: Final = re.compile(rb"/\.\.? *(?:[/;?#]|%3b|%3f|%23|\Z)", re.IGNORECASE)
# Control characters, of which URL readers drop tabs and line ends; and ASCII in more bytes than UTF-8 gives it, which careless
# decoders take for dots and slashes (CVE-2008-2938).
_NOT_TEXT: Final = re.compile(rb"[\x00-\x1f\x7f]|[\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]")
_NETWORKS_REMEMBERED: Final = 4096
_MAPPED: Final = 0xFFFF << 32  # ::ffff:0:0/96 (RFC 4291 section 2.5.5.2)


def check_policy(claim: Claim, subject: Subject, policy: KeyPolicy, demand: Demand, verified_path: bytes) -> None:
    """Check a request against the policy of the key that signed it. `verified_path` is the path covered, still encoded.

    Not checked: the source address itself. It is what the gateway says, and nothing signs it.

    Raises:
        Refusal: OUT_OF_SCOPE.
    """
    if policy.source_networks and not is_in_networks(subject.source_address, policy.source_networks):
        raise Refusal(Reason.OUT_OF_SCOPE, "policy.source_networks: the source is unknown, or in none of the key's networks")
    check_scope_policy(claim, policy, demand)
    if policy.methods and not _is_method_allowed(claim, subject, policy.methods):
        raise Refusal(Reason.OUT_OF_SCOPE, "policy.methods: the method is not among the key's, or not covered by the signature")
    if policy.path_prefixes and not _is_path_allowed(claim, subject, policy.path_prefixes, verified_path):
        raise Refusal(
            Reason.OUT_OF_SCOPE, "policy.path_prefixes: the path is below none of the key's, ambiguous, or not covered"
        )


def check_scope_policy(claim: Claim, policy: KeyPolicy, demand: Demand) -> None:
    """Check what of the policy lies in the claim's scope: regions and services.

    Raises:
        Refusal: OUT_OF_SCOPE.
    """
    if policy.regions and not _is_region_allowed(claim, policy.regions, demand):
        raise Refusal(Reason.OUT_OF_SCOPE, "policy.regions: the signature names no region, or one that is not the key's")
    if policy.services and (claim.scope is None or claim.scope.service not in policy.services):
        raise Refusal(Reason.OUT_OF_SCOPE, "policy.services: the signature names no service, or one that is not the key's")


def is_in_networks(address: str, networks: tuple[str, ...]) -> bool:
    """Say whether an address lies in one of the networks. No address, or one that cannot be read, lies in none.

    An IPv4 address is the same as that address mapped into IPv6; `::/0` holds no IPv4.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    version, number = found.version, int(found)
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False  # good on one link of one machine alone
        if number >> 32 == _MAPPED >> 32:
            version, number = 4, number & 0xFFFFFFFF
    return any(version == of and number & mask == start for of, start, mask in _read_networks(networks))


@lru_cache(maxsize=_NETWORKS_REMEMBERED)
def _read_networks(networks: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    read = [ipaddress.ip_network(text) for text in networks]
    return tuple((network.version, int(network.network_address), int(network.netmask)) for network in read)


def _is_region_allowed(claim: Claim, regions: frozenset[str], demand: Demand) -> bool:
    """A set of regions is good for each of them: so either the one that the caller demands is the key's, or all of them are."""
    if not claim.region_set:
        return claim.scope is not None and claim.scope.region in regions
    if demand.regions:
        # That one of the demanded regions is in the set, has been checked; here, that it is one of the key's.
        return any(is_in_region_set(region, claim.region_set) for region in demand.regions & regions)
    return regions.issuperset(claim.region_set)  # an entry with a wildcard is no region


def _is_method_allowed(claim: Claim, subject: Subject, methods: frozenset[str]) -> bool:
    if not isinstance(subject, HttpRequest) or not claim.coverage.method or claim.in_form:
        return False
    return subject.method.decode("latin-1") in methods


def _is_path_allowed(claim: Claim, subject: Subject, prefixes: tuple[str, ...], verified_path: bytes) -> bool:
    if not isinstance(subject, HttpRequest) or not claim.coverage.path or claim.in_form or not verified_path:
        return False
    arrived = subject.target.partition(b"?")[0]
    # Both, where a scheme signs the path without its dot segments: who forwards what arrived must not reach another place.
    path = _decode_once(verified_path)
    if path is None or (arrived != verified_path and _decode_once(arrived) is None):
        return False
    return any(is_below(path, prefix.encode()) for prefix in prefixes)


def is_below(path: bytes, prefix: bytes) -> bool:
    """Say whether a decoded path is the prefix, or goes on from it at the border of a segment."""
    return path.startswith(prefix if prefix.endswith(b"/") else prefix + b"/") or path == prefix


def _decode_once(path: bytes) -> bytes | None:
    """Return the path decoded, or None where software disagrees about the place that it names."""
    if _ENCODED_SEPARATOR.search(path):
        return None
    decoded = percent_decode(path)
    if _TWICE_ENCODED.search(decoded) or _NOT_TEXT.search(decoded) or b"\\" in decoded:
        return None
    # The last segment may be empty, where the path ends in a slash.
    if b"//" in decoded or _DOT_SEGMENT.search(decoded):
        return None
    return decoded
