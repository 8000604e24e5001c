"""KeyPolicy messages <-> policies, on both sides of the wire."""

from collections.abc import Mapping
from typing import Final

from counterseal.core.policy import NO_POLICY, KeyPolicy, ReplayPolicy
from counterseal.server.errors import InvalidField
from counterseal.v1 import keys_pb2 as pb

_REPLAY: Final[Mapping[ReplayPolicy, pb.ReplayPolicy]] = {
    ReplayPolicy.DEFAULT: pb.REPLAY_POLICY_UNSPECIFIED,
    ReplayPolicy.SINGLE_USE: pb.REPLAY_POLICY_SINGLE_USE,
    ReplayPolicy.REUSABLE: pb.REPLAY_POLICY_REUSABLE,
}
_REPLAY_READ: Final = {number: policy for policy, number in _REPLAY.items()}
# Far above what a policy may hold: no more is copied out of a message.
_MOST: Final = 1000


def read_policy(field: str, message: pb.KeyPolicy) -> KeyPolicy:
    """Return the policy in a message that has one; `field` is where it stands. The issuer checks the single limits.

    Raises:
        InvalidField: a list is absurdly long, or the replay policy is not one that this release knows.
    """
    for name in ("source_networks", "regions", "services", "methods", "path_prefixes"):
        if len(getattr(message, name)) > _MOST:
            raise InvalidField(f"{field}.{name}", "has too many entries")
    replay = _REPLAY_READ.get(message.replay)
    if replay is None:
        raise InvalidField(f"{field}.replay", "is not a replay policy that this release knows")
    return KeyPolicy(
        source_networks=tuple(message.source_networks),
        regions=frozenset(message.regions),
        services=frozenset(message.services),
        methods=frozenset(message.methods),
        path_prefixes=tuple(message.path_prefixes),
        replay=replay,
    )


def put_policy(message: pb.KeyPolicy, policy: KeyPolicy) -> None:
    """Fill in a policy. One that limits nothing is left as it is: absent."""
    if policy == NO_POLICY:
        return
    message.source_networks.extend(policy.source_networks)
    message.regions.extend(sorted(policy.regions))
    message.services.extend(sorted(policy.services))
    message.methods.extend(sorted(policy.methods))
    message.path_prefixes.extend(policy.path_prefixes)
    message.replay = _REPLAY[policy.replay]
