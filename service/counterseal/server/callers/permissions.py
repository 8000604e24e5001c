"""Who may call what: one table. A method that is not in it cannot be served."""

from collections.abc import Callable, Mapping
from typing import Final

from counterseal.server.callers.caller import Caller
from counterseal.server.errors import CallerNotPermitted, CallerUnknown
from counterseal.server.store.caller_records import Role

_VERIFIERS: Final = frozenset({Role.ADMIN, Role.GATEWAY, Role.LEASE, Role.SESSIONS})
_FRONTS: Final = frozenset({Role.ADMIN, Role.SESSIONS})
_LISTERS: Final = frozenset({Role.ADMIN, Role.AUDITOR, Role.SESSIONS})
_READERS: Final = frozenset({Role.ADMIN, Role.AUDITOR})
_ADMINS: Final = frozenset({Role.ADMIN})
_ALL: Final = frozenset(Role)

PERMITTED: Final[Mapping[str, frozenset[Role]]] = {
    # An auditor reads what there is. Whether a secret fits is not for reading: Verify is no oracle for auditors either.
    "VerificationService/Verify": _VERIFIERS,
    "VerificationService/VerifyChunks": _VERIFIERS,
    "VerificationService/ListSchemes": _ALL,
    "KeyService/IssueKey": _ADMINS,
    "KeyService/GetKey": _READERS,
    "KeyService/ListKeys": _READERS,
    "KeyService/UpdateKey": _ADMINS,
    "KeyService/RotateKey": _ADMINS,
    "KeyService/Revoke": _ADMINS,
    "CallerService/CreateCaller": _ADMINS,
    "CallerService/GetCaller": _READERS,
    "CallerService/ListCallers": _READERS,
    "CallerService/UpdateCaller": _ADMINS,
    "CallerService/RotateCallerToken": _ADMINS,
    "CallerService/DeleteCaller": _ADMINS,
    "PrincipalService/CreatePrincipal": _ADMINS,
    "PrincipalService/GetPrincipal": _READERS,
    "PrincipalService/ListPrincipals": _READERS,
    "PrincipalService/UpdatePrincipal": _ADMINS,
    "PrincipalService/SetPassword": _ADMINS,
    "PrincipalService/DeletePrincipal": _ADMINS,
    "SessionService/SignIn": _FRONTS,
    "SessionService/Exchange": _FRONTS,
    "SessionService/Refresh": _FRONTS,
    "SessionService/SignOut": _FRONTS,
    "SessionService/ListSessions": _LISTERS,
    "SessionService/RegisterSessionKey": _FRONTS,
    "SessionService/IssueTemporaryCredentials": _FRONTS,
    "AuditService/ListAuditEntries": _READERS,
}
# Callers belong to no tenant. Who is limited and could make callers would make one without limits, or take off its own.
_WITHOUT_TENANTS: Final = frozenset({"CallerService"})


def permission(service: str, method: str) -> Callable[[Caller], None]:
    """Return what checks that a caller may call a method of a service, both named without the package.

    The check raises:
        CallerUnknown: the call carries no credentials, and needs them.
        CallerNotPermitted: the caller's role, or a limit of its own, does not allow this.

    Raises:
        KeyError: nobody has said who may call the method.
    """
    roles = PERMITTED[f"{service}/{method}"]
    # Whoever calls without credentials is there to verify and no more.
    anonymous = Role.GATEWAY in roles
    whole = service in _WITHOUT_TENANTS
    changes = whole and roles == _ADMINS

    def check(caller: Caller) -> None:
        if caller.anonymous and not anonymous:
            raise CallerUnknown("this call needs a caller's bearer token or certificate")
        if caller.role not in roles:
            raise CallerNotPermitted(f"a caller of role {caller.role.value} may not do this")
        if whole and caller.tenants is not None:
            raise CallerNotPermitted("a caller that is limited to tenants may not do this")
        if changes and not (caller.schemes is None and caller.regions is None and caller.services is None):
            raise CallerNotPermitted("a caller that is limited to schemes, regions or services may not do this")

    return check
