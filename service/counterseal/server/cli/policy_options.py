"""Options that limit what a key may be used for."""

from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from counterseal.core.policy import KeyPolicy

POLICY_OPTIONS: Final = (
    click.option("--source-network", "source_networks", multiple=True, metavar="CIDR", help="Only from there. Repeatable."),
    click.option("--region", "regions", multiple=True, help="Only signatures for this region. Repeatable."),
    click.option("--service", "services", multiple=True, help="Only signatures for this service. Repeatable."),
    click.option("--method", "methods", multiple=True, help="Only requests with this method, signed. Repeatable."),
    click.option(
        "--path-prefix", "path_prefixes", multiple=True, metavar="PATH", help="Only this path and below, decoded. Repeatable."
    ),
    click.option(
        "--replay",
        type=click.Choice(["single-use", "reusable", "default"]),
        help="Whether a signature may be used more than once. [default: as the server is configured]",
    ),
)
_LISTS: Final = ("source_networks", "regions", "services", "methods", "path_prefixes")


def names_limit(options: dict[str, Any]) -> bool:
    """Say whether any of the options was given."""
    return options["replay"] is not None or any(options[name] for name in _LISTS)


def policy_of(options: dict[str, Any]) -> "KeyPolicy":
    """Return the policy that the options state."""
    from counterseal.core.policy import NO_POLICY

    return merged(NO_POLICY, options)


def merged(policy: "KeyPolicy", options: dict[str, Any]) -> "KeyPolicy":
    """Return a policy with those of its limits replaced that the options name."""
    from counterseal.core.policy import KeyPolicy, ReplayPolicy

    def frozen(name: str) -> frozenset[str]:
        return frozenset(options[name] or getattr(policy, name))

    return KeyPolicy(
        source_networks=tuple(options["source_networks"] or policy.source_networks),
        regions=frozen("regions"),
        services=frozen("services"),
        methods=frozen("methods"),
        path_prefixes=tuple(options["path_prefixes"] or policy.path_prefixes),
        replay=ReplayPolicy(options["replay"].upper().replace("-", "_")) if options["replay"] else policy.replay,
    )
