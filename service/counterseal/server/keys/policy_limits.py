"""The limits of a key's policy, as protos/counterseal/v1/keys.proto states them.

Every function raises InvalidField, naming the field as the caller wrote it and the limit; values are never quoted.
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Final

from counterseal.core.policy import KeyPolicy
from counterseal.server.errors import InvalidField
from counterseal.server.keys.limits import check_text

MAX_ENTRIES: Final = 64
MAX_METHODS: Final = 16
MAX_PREFIX_BYTES: Final = 1024
# As scopes have them (core/scope.py).
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# RFC 9110 section 5.6.2, as long as `core/http.py` reads them. Methods are compared as they are: `get` is none of HTTP's.
_METHOD: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}")
_MAPPED_BITS: Final = 96


def check_policy(field: str, policy: KeyPolicy) -> KeyPolicy:
    """Check a policy and return it in the form in which it is stored. `field` is where it stands in the message."""
    _check_count(f"{field}.source_networks", policy.source_networks, MAX_ENTRIES)
    networks = [_network(f"{field}.source_networks", text) for text in policy.source_networks]
    _check_names(f"{field}.regions", policy.regions)
    _check_names(f"{field}.services", policy.services)
    _check_count(f"{field}.methods", policy.methods, MAX_METHODS)
    if not all(_METHOD.fullmatch(method) for method in policy.methods):
        raise InvalidField(f"{field}.methods", "must be request methods: 1 to 32 token characters")
    _check_count(f"{field}.path_prefixes", policy.path_prefixes, MAX_ENTRIES)
    for prefix in policy.path_prefixes:
        _check_prefix(f"{field}.path_prefixes", prefix)
    return KeyPolicy(
        source_networks=tuple(dict.fromkeys(networks)),
        regions=policy.regions,
        services=policy.services,
        methods=policy.methods,
        path_prefixes=tuple(dict.fromkeys(policy.path_prefixes)),
        replay=policy.replay,
    )


def _check_count(field: str, values: Collection[str], most: int) -> None:
    if len(values) > most:
        raise InvalidField(field, f"at most {most} entries")


def _check_names(field: str, names: frozenset[str]) -> None:
    _check_count(field, names, MAX_ENTRIES)
    if not all(_NAME.fullmatch(name) for name in names):
        raise InvalidField(field, "must be names of 1 to 64 characters of [A-Za-z0-9._-], without wildcards")


def _network(field: str, text: str) -> str:
    """Return the network as CIDR in its one spelling. An address is the network of itself."""
    try:
        if len(text) > 64 or "%" in text:
            raise ValueError("an address with a zone, or none")
        network = ipaddress.ip_network(text)
    except ValueError:
        raise InvalidField(field, "must be CIDR like 192.0.2.0/24 or 2001:db8::/32, no bits set behind the prefix") from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return str(ipaddress.ip_network(f"{mapped}/{network.prefixlen - _MAPPED_BITS}"))
    return str(network)


def _check_prefix(field: str, prefix: str) -> None:
    check_text(field, prefix, MAX_PREFIX_BYTES)
    if not prefix.startswith("/") or len(prefix.encode()) > MAX_PREFIX_BYTES:
        raise InvalidField(field, f"must begin with / and have at most {MAX_PREFIX_BYTES} bytes")
    if "%" in prefix or "\\" in prefix:
        raise InvalidField(field, "must be written decoded, without % and backslashes")
    # No path that has such segments is let through, so the prefix would permit nothing.
    segments = prefix.split("/")
    if "" in segments[1:-1] or any(segment.partition(";")[0] in {".", ".."} for segment in segments):
        raise InvalidField(field, "must have no empty segments and no dot segments")
