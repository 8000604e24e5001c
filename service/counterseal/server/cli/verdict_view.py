"""How a verdict is shown. Imported only once there is one: the records live beside the gRPC client."""

import datetime as dt

import click

from counterseal.core.payload import (
    AlreadyChecked,
    BodyDigests,
    BodySha256,
    ChunkSigned,
    ChunkUnsigned,
    LeftToCaller,
    PayloadDuty,
)
from counterseal.server.cli.output import echo_fields, echo_json, time_text, to_second
from counterseal.server.rpc.admin_answers import RejectedAnswer, VerifiedAnswer, VerifyAnswer


def echo_verdict(answer: VerifyAnswer, *, as_json: bool) -> bool:
    """Print the verdict. Return whether it is *verified*; nothing but a VerifiedAnswer is."""
    if isinstance(answer, VerifiedAnswer):
        if as_json:
            echo_json(_verified_json(answer))
        else:
            _echo_verified(answer)
        return True
    if as_json:
        echo_json(_rejected_json(answer))
    else:
        _echo_rejected(answer)
    return False


def _echo_verified(answer: VerifiedAnswer) -> None:
    coverage = answer.coverage
    parts = [
        name for name, covered in (("method", coverage.method), ("path", coverage.path), ("query", coverage.query)) if covered
    ]
    click.secho("verified", fg="green", bold=True)
    echo_fields(
        [
            ("key id", answer.key_id),
            ("principal", answer.principal),
            ("tenant", answer.tenant),
            *([("session", answer.session_id)] if answer.session_id else []),
            ("labels", ", ".join(f"{name}={value}" for name, value in sorted(answer.labels.items()))),
            ("scheme", answer.scheme),
            ("scope", "/".join(answer.scope or ())),
            ("signed", to_second(answer.signed_time)),
            ("valid until", to_second(answer.valid_until)),
            ("path", answer.verified_path.decode("utf-8", "backslashreplace")),
            ("covered", ", ".join(parts)),
            ("headers", ", ".join(_header_names(answer))),
            *([("components", " ".join(coverage.components))] if coverage.components else []),
            ("body", _duty_text(answer.payload_duty)),
        ]
    )


def _echo_rejected(answer: RejectedAnswer) -> None:
    click.secho(f"rejected: {answer.reason}", fg="red", bold=True)
    fields = [("detail", answer.detail)]
    if answer.reason in {"TOO_OLD", "TOO_NEW"}:
        ours = dt.datetime.now(dt.UTC)
        fields += [("server time", to_second(answer.server_time)), ("this clock", to_second(ours))]
        fields += [("skew", f"{answer.allowed_skew} seconds either way")]
    fields += [(name, value.decode("utf-8", "backslashreplace")) for name, value in answer.public_headers]
    echo_fields([*fields, ("public", f"{answer.public_http_status} {answer.public_code}: {answer.public_message}")])


def _verified_json(answer: VerifiedAnswer) -> dict[str, object]:
    scope = dict(zip(("date", "region", "service"), answer.scope, strict=True)) if answer.scope else None
    coverage = answer.coverage
    return {
        "verdict": "verified",
        "key_id": answer.key_id,
        "principal": answer.principal,
        "tenant": answer.tenant,
        "session_id": answer.session_id,
        "labels": dict(sorted(answer.labels.items())),
        "scheme": answer.scheme,
        "scope": scope,
        "signed_time": time_text(answer.signed_time),
        "valid_until_time": time_text(answer.valid_until),
        "verified_path": answer.verified_path.decode("utf-8", "backslashreplace"),
        "coverage": {
            "headers": _header_names(answer),
            "method": coverage.method,
            "path": coverage.path,
            "query": coverage.query,
            "components": list(coverage.components),
        },
        "payload_duty": _duty_json(answer.payload_duty),
    }


def _rejected_json(answer: RejectedAnswer) -> dict[str, object]:
    return {
        "verdict": "rejected",
        "reason": answer.reason,
        "detail": answer.detail,
        "server_time": time_text(answer.server_time),
        "allowed_skew_seconds": answer.allowed_skew,
        "public_error": {
            "code": answer.public_code,
            "http_status": answer.public_http_status,
            "message": answer.public_message,
            "headers": [
                {"name": name, "value": value.decode("utf-8", "backslashreplace")} for name, value in answer.public_headers
            ],
        },
    }


def _header_names(answer: VerifiedAnswer) -> list[str]:
    return [name.decode("utf-8", "replace") for name in answer.coverage.headers]


def _duty_text(duty: PayloadDuty) -> str:
    if isinstance(duty, AlreadyChecked):
        return "checked"
    if isinstance(duty, BodySha256):
        return f"still to check: it must hash to {duty.sha256.hex()}"
    if isinstance(duty, BodyDigests):
        return "still to check: it must have " + ", ".join(f"{name} {digest.hex()}" for name, digest in duty.digests)
    if isinstance(duty, ChunkSigned):
        return f"still to check: chunks signed with {duty.algorithm}"
    if isinstance(duty, ChunkUnsigned):
        return "chunks without signatures: the signature does not cover them"
    if isinstance(duty, LeftToCaller):
        return "still to check: its hash stands in the string to sign"
    return "not signed, by the client's choice"


def _duty_json(duty: PayloadDuty) -> dict[str, object]:
    if isinstance(duty, AlreadyChecked):
        return {"kind": "already_checked"}
    if isinstance(duty, BodySha256):
        return {"kind": "body_sha256", "sha256": duty.sha256.hex()}
    if isinstance(duty, BodyDigests):
        return {"kind": "body_digests", "digests": [{"algorithm": name, "value": value.hex()} for name, value in duty.digests]}
    if isinstance(duty, ChunkSigned):
        return {
            "kind": "chunk_signed",
            "algorithm": duty.algorithm,
            "seed_signature": duty.seed_signature,
            "timestamp": duty.timestamp,
            "scope": duty.scope,
            "signed_trailer": duty.signed_trailer,
            "decoded_length": duty.decoded_length,
            "trailers": list(duty.trailers),
        }
    if isinstance(duty, ChunkUnsigned):
        return {"kind": "chunk_unsigned", "decoded_length": duty.decoded_length, "trailers": list(duty.trailers)}
    return {"kind": "left_to_caller" if isinstance(duty, LeftToCaller) else "unsigned"}
