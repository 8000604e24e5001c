"""How a key's secrets, without what they are made of, and its policy are shown."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterseal.server.cli.output import to_second

if TYPE_CHECKING:
    from counterseal.server.store.records import KeyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSecret:
    """One of a key's secrets. `created` None: not kept; `end` None: as long as the key; `used` None: not known."""

    version: int
    created: dt.datetime | None
    end: dt.datetime | None
    used: dt.datetime | None


def shown_secrets(record: "KeyRecord") -> Iterator[ShownSecret]:
    """Yield the secrets that verify, the newest first; none for a public key."""
    if record.public_key is not None:
        return
    made, version = record.secret_created or record.created, record.secret_version
    yield ShownSecret(version=version, created=made, end=None, used=record.uses.get(version))
    if record.previous is not None:
        version = record.previous.version
        made_first = record.created if version == 1 else None
        yield ShownSecret(version=version, created=made_first, end=record.previous.until, used=record.uses.get(version))


def secret_line(secret: ShownSecret) -> str:
    """Return a secret for people, in one line."""
    parts = [f"made {to_second(secret.created)}"] if secret.created else []
    if secret.end is not None:
        parts.append(f"ends {to_second(secret.end)}")
    parts.append(f"last used {to_second(secret.used)}" if secret.used else "no use known")
    return ", ".join(parts)


def last_use(record: "KeyRecord") -> dt.datetime | None:
    """Return when the key was last used, as far as is known."""
    return max(record.uses.values(), default=None)


def policy_json(record: "KeyRecord") -> dict[str, object]:
    """Return a policy as JSON shows it: every field always there."""
    policy = record.policy
    return {
        "source_networks": list(policy.source_networks),
        "regions": sorted(policy.regions),
        "services": sorted(policy.services),
        "methods": sorted(policy.methods),
        "path_prefixes": list(policy.path_prefixes),
        "replay": policy.replay.value,
    }


def policy_fields(record: "KeyRecord") -> list[tuple[str, str]]:
    """Return the limits that a key has, as fields for people."""
    policy = record.policy
    limits = {
        "source networks": policy.source_networks,
        "regions": sorted(policy.regions),
        "services": sorted(policy.services),
        "methods": sorted(policy.methods),
        "path prefixes": policy.path_prefixes,
    }
    fields = [(name, ", ".join(values)) for name, values in limits.items() if values]
    if policy.replay.value != "DEFAULT":
        fields.append(("replay", policy.replay.value.lower().replace("_", "-")))
    return fields
