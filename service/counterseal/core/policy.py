"""What a key may be used for, as data. `policy_check.py` holds a claim to it."""

import enum
from dataclasses import dataclass


class ReplayPolicy(enum.Enum):
    """Whether a signature of the key may be used more than once inside its window."""

    # As the server is configured.
    DEFAULT = "DEFAULT"
    # Once, whatever the method, presigned ones too.
    SINGLE_USE = "SINGLE_USE"
    # As often as its window allows.
    REUSABLE = "REUSABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """The limits of a key. An empty one is no limit; several limit together.

    `source_networks` are CIDR texts in their canonical form, `path_prefixes` begin with `/` and are compared with the path
    decoded once.
    """

    source_networks: tuple[str, ...] = ()
    regions: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    path_prefixes: tuple[str, ...] = ()
    replay: ReplayPolicy = ReplayPolicy.DEFAULT


NO_POLICY = KeyPolicy()
