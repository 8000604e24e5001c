"""How keys are shown: as JSON with stable names (those of the proto), as a table, as fields."""

import re
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from counterseal.server.cli.output import echo_fields, echo_table, time_text, to_second
from counterseal.server.cli.secret_view import last_use, policy_fields, policy_json, secret_line, shown_secrets

if TYPE_CHECKING:
    from counterseal.server.store.records import IssuedKey, KeyRecord

_HEADING: Final = ("KEY ID", "STATE", "TENANT", "PRINCIPAL", "SCHEMES", "CREATED", "EXPIRES", "DESCRIPTION")
PROFILE_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def key_json(record: "KeyRecord") -> dict[str, object]:
    """Return a key as JSON shows it: every field always there, absent times null."""
    return {
        "key_id": record.key_id,
        "tenant": record.tenant,
        "principal": record.principal,
        "description": record.description,
        "labels": dict(sorted(record.labels.items())),
        "allowed_schemes": sorted(record.allowed_schemes),
        "state": record.state.value,
        "not_before_time": time_text(record.not_before),
        "expire_time": time_text(record.expires),
        "create_time": time_text(record.created),
        "update_time": time_text(record.updated),
        "revoke_time": time_text(record.revoked),
        "revoke_reason": record.revoke_reason,
        "etag": record.etag,
        "has_security_token": record.has_security_token,
        "kind": record.kind.value,
        "session_id": record.session_id,
        "algorithm": record.public_key.algorithm if record.public_key else "",
        "public_key_pem": _pem(record),
        "policy": policy_json(record),
        "secrets": [
            {
                "version": secret.version,
                "create_time": time_text(secret.created),
                "end_time": time_text(secret.end),
                "last_use_time": time_text(secret.used),
            }
            for secret in shown_secrets(record)
        ],
        "last_use_time": time_text(last_use(record)),
    }


def _pem(record: "KeyRecord") -> str:
    """Return a public key as PEM, an empty text for a symmetric key."""
    if record.public_key is None:
        return ""
    from counterseal.server.rpc.admin_messages import pem_of  # beside gRPC, which is loaded where there is a record

    return pem_of(record.public_key)


def echo_keys(records: Iterable["KeyRecord"]) -> None:
    """Print keys as a table."""
    echo_table(
        _HEADING,
        (
            (
                record.key_id,
                record.state.value,
                record.tenant,
                record.principal,
                ",".join(sorted(record.allowed_schemes)),
                to_second(record.created),
                to_second(record.expires, absent="never"),
                record.description,
            )
            for record in records
        ),
    )


def echo_key(record: "KeyRecord", *, secret: str = "") -> None:
    """Print one key as fields, a public key below them; with its secret right below its id when there is one to show."""
    fields = [("key id", record.key_id)]
    if secret:
        fields.append(("token" if record.bearer else "secret", secret))
    fields += [
        ("kind", record.kind.value.lower()),
        *([("algorithm", record.public_key.algorithm)] if record.public_key else []),
        ("state", record.state.value),
        *([("session", record.session_id)] if record.session_id else []),
        ("tenant", record.tenant),
        ("principal", record.principal),
        ("description", record.description),
        ("labels", ", ".join(f"{name}={value}" for name, value in sorted(record.labels.items()))),
        ("schemes", ", ".join(sorted(record.allowed_schemes))),
        ("security token", "required" if record.has_security_token else "none"),
        ("not before", to_second(record.not_before)),
        ("expires", to_second(record.expires, absent="never")),
        ("created", to_second(record.created)),
        ("updated", to_second(record.updated)),
        ("last used", to_second(last_use(record), absent="not known")),
        *(("secret " + str(secret.version), secret_line(secret)) for secret in shown_secrets(record)),
        *policy_fields(record),
    ]
    if record.revoked is not None:
        fields += [("revoked", to_second(record.revoked)), ("reason", record.revoke_reason)]
    echo_fields([*fields, ("etag", record.etag)])
    if record.public_key is not None:
        click.echo(_pem(record), nl=False)


def aws_env(issued: "IssuedKey") -> str:
    """Return lines for `eval` in a POSIX shell."""
    return (
        f"export AWS_ACCESS_KEY_ID={shlex.quote(issued.record.key_id)}\n"
        f"export AWS_SECRET_ACCESS_KEY={shlex.quote(issued.secret)}\n"
        "unset AWS_SESSION_TOKEN"
    )


def aws_profile(issued: "IssuedKey", profile: str) -> str:
    """Return a section for an AWS credentials file. `profile` has been checked by PROFILE_NAME."""
    return f"[{profile}]\naws_access_key_id = {issued.record.key_id}\naws_secret_access_key = {issued.secret}"
