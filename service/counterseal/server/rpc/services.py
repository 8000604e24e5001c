"""Our services behind the gate: which method is answered by what, and in which lane it works."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterseal.server.lanes import ChangeLanes, Lane
from counterseal.server.rpc.audit import AuditHandlers
from counterseal.server.rpc.caller_admin import CallerHandlers
from counterseal.server.rpc.chunks import ChunkHandlers
from counterseal.server.rpc.gate import Act, Gate, Handlers, Rules
from counterseal.server.rpc.key_admin import KeyHandlers
from counterseal.server.rpc.principals import PrincipalHandlers
from counterseal.server.rpc.scheme_list import SchemeHandlers
from counterseal.server.rpc.sessions import SessionHandlers
from counterseal.server.rpc.verification import VerificationHandlers
from counterseal.server.telemetry.metrics import Metrics
from counterseal.v1 import audit_pb2, callers_pb2, keys_pb2, principals_pb2, sessions_pb2, verification_pb2

VERIFICATION: Final = verification_pb2.DESCRIPTOR.services_by_name["VerificationService"]
KEYS: Final = keys_pb2.DESCRIPTOR.services_by_name["KeyService"]
CALLERS: Final = callers_pb2.DESCRIPTOR.services_by_name["CallerService"]
AUDIT: Final = audit_pb2.DESCRIPTOR.services_by_name["AuditService"]
PRINCIPALS: Final = principals_pb2.DESCRIPTOR.services_by_name["PrincipalService"]
SESSIONS: Final = sessions_pb2.DESCRIPTOR.services_by_name["SessionService"]
_OURS: Final = (VERIFICATION, KEYS, CALLERS, PRINCIPALS, SESSIONS, AUDIT)
SERVICES: Final = tuple(service.full_name for service in _OURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """What answers the services of administration and of sessions."""

    keys: KeyHandlers
    callers: CallerHandlers
    principals: PrincipalHandlers
    sessions: SessionHandlers
    audit: AuditHandlers

    def behind(self, gate: Gate, lanes: ChangeLanes) -> Sequence[Handlers]:
        """Return the services behind the gate, in the order of `SERVICES`, where they come after VerificationService."""
        lane = lanes.administration
        return (
            _key_handlers(gate, lane, self.keys),
            _caller_handlers(gate, lane, self.callers),
            _principal_handlers(gate, lane, self.principals),
            _session_handlers(gate, lanes, self.sessions),
            gate.handlers(AUDIT, {"ListAuditEntries": self.audit.list_audit_entries}, Rules(lane=lane)),
        )


def verification_handlers(
    gate: Gate, lane: Lane, acts: VerificationHandlers, chunks: ChunkHandlers, schemes: SchemeHandlers, metrics: Metrics
) -> Handlers:
    """Return VerificationService behind the gate."""
    rules = Rules(lane=lane, observe={"Verify": metrics.verify_seconds.observe})
    methods: dict[str, Act] = {
        "Verify": acts.verify,
        "VerifyChunks": chunks.verify_chunks,
        "ListSchemes": schemes.list_schemes,
    }
    return gate.handlers(VERIFICATION, methods, rules)


def _key_handlers(gate: Gate, lane: Lane, acts: KeyHandlers) -> Handlers:
    methods: dict[str, Act] = {
        "IssueKey": acts.issue_key,
        "GetKey": acts.get_key,
        "ListKeys": acts.list_keys,
        "UpdateKey": acts.update_key,
        "Revoke": acts.revoke,
        "RotateKey": acts.rotate_key,
    }
    return gate.handlers(KEYS, methods, Rules(lane=lane))


def _caller_handlers(gate: Gate, lane: Lane, acts: CallerHandlers) -> Handlers:
    methods: dict[str, Act] = {
        "CreateCaller": acts.create_caller,
        "GetCaller": acts.get_caller,
        "ListCallers": acts.list_callers,
        "UpdateCaller": acts.update_caller,
        "RotateCallerToken": acts.rotate_caller_token,
        "DeleteCaller": acts.delete_caller,
    }
    return gate.handlers(CALLERS, methods, Rules(lane=lane))


def _principal_handlers(gate: Gate, lane: Lane, acts: PrincipalHandlers) -> Handlers:
    methods: dict[str, Act] = {
        "CreatePrincipal": acts.create_principal,
        "GetPrincipal": acts.get_principal,
        "ListPrincipals": acts.list_principals,
        "UpdatePrincipal": acts.update_principal,
        "SetPassword": acts.set_password,
        "DeletePrincipal": acts.delete_principal,
    }
    return gate.handlers(PRINCIPALS, methods, Rules(lane=lane))


def _session_handlers(gate: Gate, lanes: ChangeLanes, acts: SessionHandlers) -> Handlers:
    methods: dict[str, Act] = {
        "SignIn": acts.sign_in,
        "Exchange": acts.exchange,
        "Refresh": acts.refresh,
        "SignOut": acts.sign_out,
        "ListSessions": acts.list_sessions,
        "RegisterSessionKey": acts.register_session_key,
        "IssueTemporaryCredentials": acts.issue_temporary_credentials,
    }
    # Whoever finds sessions and ends them is answered while others are let in, or not: that is what one does under attack.
    elsewhere = dict.fromkeys(("SignIn", "Exchange"), lanes.entering) | dict.fromkeys(
        ("SignOut", "ListSessions"), lanes.leaving
    )
    return gate.handlers(SESSIONS, methods, Rules(lane=lanes.lasting, lanes=elsewhere))
