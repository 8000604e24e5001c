"""How callers are shown: tables and fields for people, stable names for programs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from counterseal.server.cli.output import echo_fields, echo_table, time_text, to_second

if TYPE_CHECKING:
    from counterseal.server.store.caller_records import CallerLimits, CallerRecord


def caller_json(record: "CallerRecord") -> dict[str, object]:
    """Return a caller with the names of the contract."""
    limits = record.limits
    return {
        "name": record.name,
        "role": record.role.value,
        "state": record.state.value,
        "description": record.description,
        "san": record.san,
        "has_bearer_token": record.has_bearer_token,
        "limits": {
            "tenants": sorted(limits.tenants),
            "schemes": sorted(limits.schemes),
            "regions": sorted(limits.regions),
            "services": sorted(limits.services),
            "string_to_sign": limits.string_to_sign,
            "calls_per_second": limits.calls_per_second,
            "burst": limits.burst,
            "concurrent_calls": limits.concurrent_calls,
        },
        "create_time": time_text(record.created),
        "update_time": time_text(record.updated),
        "etag": record.etag,
    }


def echo_caller(record: "CallerRecord", bearer_token: str = "") -> None:
    """Print a caller, and its bearer token when there is a new one."""
    fields = [
        ("name", record.name),
        ("role", record.role.value),
        ("state", record.state.value),
        ("description", record.description),
        ("recognised by", _recognised_by(record)),
        ("limits", ", ".join(_limits(record.limits))),
        ("created", to_second(record.created)),
        ("updated", to_second(record.updated)),
        ("etag", record.etag),
    ]
    echo_fields([*fields, ("bearer token", bearer_token)] if bearer_token else fields)


def echo_callers(records: Iterable["CallerRecord"]) -> None:
    """Print a line for each caller."""
    rows = [(r.name, r.role.value, r.state.value, _recognised_by(r), ", ".join(_limits(r.limits))) for r in records]
    echo_table(("NAME", "ROLE", "STATE", "RECOGNISED BY", "LIMITS"), rows)


def _recognised_by(record: "CallerRecord") -> str:
    return " or ".join([*(["bearer token"] if record.has_bearer_token else []), *([record.san] if record.san else [])])


def _limits(limits: "CallerLimits") -> Iterable[str]:
    for name in ("tenants", "schemes", "regions", "services"):
        if values := getattr(limits, name):
            yield f"{name} {'|'.join(sorted(values))}"
    if limits.calls_per_second:
        yield f"{limits.calls_per_second} calls a second (burst {limits.burst or limits.calls_per_second})"
    if limits.concurrent_calls:
        yield f"{limits.concurrent_calls} at once"
    if limits.string_to_sign:
        yield "may send strings to sign"
