"""A key's policy as JSON: in its row, and in the audit trail."""

import json
from typing import Any, Final

from counterseal.core.policy import NO_POLICY, KeyPolicy, ReplayPolicy

_ORDERED: Final = ("source_networks", "path_prefixes")
_SETS: Final = ("regions", "services", "methods")


def policy_parts(policy: KeyPolicy) -> dict[str, Any]:
    """Return what the policy limits, by the names of its fields; empty where it limits nothing."""
    parts: dict[str, Any] = {name: list(getattr(policy, name)) for name in _ORDERED if getattr(policy, name)}
    parts |= {name: sorted(getattr(policy, name)) for name in _SETS if getattr(policy, name)}
    if policy.replay is not ReplayPolicy.DEFAULT:
        parts["replay"] = policy.replay.value
    return parts


def policy_text(policy: KeyPolicy) -> str | None:
    """Return a policy as it is stored; None where it limits nothing."""
    parts = policy_parts(policy)
    return json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if parts else None


def read_policy_text(text: str | None) -> KeyPolicy:
    """Read what `policy_text` wrote. A limit that this release does not know is an error, never no limit.

    Raises:
        ValueError: it is anything else.
    """
    if text is None:
        return NO_POLICY
    parts = json.loads(text)
    if not isinstance(parts, dict) or not parts or not parts.keys() <= {*_ORDERED, *_SETS, "replay"}:
        raise ValueError("no policy of this release")
    replay = ReplayPolicy(parts.pop("replay", ReplayPolicy.DEFAULT.value))
    for values in parts.values():
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            raise ValueError("a limit that is no list of texts")
    policy = KeyPolicy(
        source_networks=tuple(parts.get("source_networks", ())),
        regions=frozenset(parts.get("regions", ())),
        services=frozenset(parts.get("services", ())),
        methods=frozenset(parts.get("methods", ())),
        path_prefixes=tuple(parts.get("path_prefixes", ())),
        replay=replay,
    )
    if any(not values or sorted(getattr(policy, name)) != sorted(values) for name, values in parts.items()):
        raise ValueError("a limit that is empty, or names something twice")
    return policy
