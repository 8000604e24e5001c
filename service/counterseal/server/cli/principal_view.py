"""How principals are shown: as JSON with the names of the proto, as a table, as fields. Never with a password that is kept."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from counterseal.server.cli.output import echo_fields, echo_table, time_text, to_second

if TYPE_CHECKING:
    from counterseal.server.store.session_records import PrincipalRecord


def principal_json(record: "PrincipalRecord") -> dict[str, object]:
    """Return a principal with the names of the contract."""
    return {
        "tenant": record.tenant,
        "name": record.name,
        "state": record.state.value,
        "description": record.description,
        "labels": dict(sorted(record.labels.items())),
        "create_time": time_text(record.created),
        "update_time": time_text(record.updated),
        "password_time": time_text(record.password_set),
        "etag": record.etag,
    }


def echo_principal(record: "PrincipalRecord", password: str = "") -> None:
    """Print a principal, and its password when one was generated just now."""
    fields = [
        ("name", record.name),
        ("tenant", record.tenant),
        ("state", record.state.value),
        ("description", record.description),
        ("labels", ", ".join(f"{name}={value}" for name, value in sorted(record.labels.items()))),
        ("created", to_second(record.created)),
        ("updated", to_second(record.updated)),
        ("password set", to_second(record.password_set, absent="never")),
        ("etag", record.etag),
    ]
    echo_fields([*fields, ("password", password)] if password else fields)


def echo_principals(records: Iterable["PrincipalRecord"]) -> None:
    """Print a line for each principal."""
    rows = [(r.tenant, r.name, r.state.value, to_second(r.password_set, absent="never"), r.description) for r in records]
    echo_table(("TENANT", "NAME", "STATE", "PASSWORD SET", "DESCRIPTION"), rows)
