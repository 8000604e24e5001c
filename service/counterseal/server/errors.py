"""What can go wrong beside a refusal. A refusal is a value (`core.model.Rejected`); these are exceptions.

Each maps to one gRPC code and one `ErrorReason` in `server/rpc/errors.py`, and nowhere else. Messages are safe to send to a
caller: they name fields and limits, never secrets.
"""


class ServiceError(Exception):
    """The base of every error that the service raises on purpose."""


class InvalidField(ServiceError):
    """The caller's message breaks a limit. `field` is its path in the message, e.g. `imported_secret.key_id`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class KeyNotFound(ServiceError):
    """There is no such key, or not one that the caller may see."""


class KeyExists(ServiceError):
    """The key id is taken."""


class EtagMismatch(ServiceError):
    """The key was changed since the caller read it."""


class KeyIsRevoked(ServiceError):
    """The key is revoked, and revocation is final."""


class RequestIdReused(ServiceError):
    """The request id was used for another request, or too long ago to answer it again."""


class StoreUnavailable(ServiceError):
    """The key store did not answer in time or at all: nobody knows. Never a rejection."""


class ReplayGuardUnavailable(ServiceError):
    """The replay guard did not answer, or is full: nobody knows if this was used before. Neither refused nor let pass."""


class SealBroken(ServiceError):
    """A sealed secret does not open: tampered with, swapped, or sealed under a master key that is missing. Never verifies."""


class RowUnreadable(SealBroken):
    """A row of the key store holds what we never write: it was changed behind our back. Never verifies."""

    def __init__(self, key_id: str) -> None:
        super().__init__("a row of the key store cannot be read: it was changed")
        self.key_id = key_id


class CallerUnknown(ServiceError):
    """The call carries no valid credentials."""


class CallerNotPermitted(ServiceError):
    """The caller is known and may not do this."""


class CallerLimitReached(ServiceError):
    """The caller makes more calls than it may."""


class CallerNotFound(ServiceError):
    """There is no such caller."""


class CallerExists(ServiceError):
    """The caller's name, or what it is recognised by, is taken."""


class PrincipalNotFound(ServiceError):
    """There is no such principal, or not one that the caller may see."""


class PrincipalExists(ServiceError):
    """The principal's name is taken in its tenant."""


class SessionNotFound(ServiceError):
    """There is no such session, or not one that the caller may see."""


class SignInUnavailable(ServiceError):
    """More sign-ins at once than the service takes, or the identity provider's keys cannot be had: nobody knows."""


class ConfigError(ServiceError):
    """A setting is missing or wrong. The message names the setting."""
