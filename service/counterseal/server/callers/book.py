"""Who calls.

A wrong credential is refused, never treated as none: a caller that means to be known must not become anonymous by accident.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from counterseal.server.callers.bearer import bearer_sha256, read_bearer
from counterseal.server.callers.caller import Caller, pace_of
from counterseal.server.errors import CallerUnknown
from counterseal.server.settings import ADMIN_NAME, CallerSetting
from counterseal.server.store.caller_records import Role

_PART: Final = 8


class Identifies(Protocol):
    """Whatever says who calls."""

    def identify(self, authorization: Sequence[str], sans: Sequence[str] = ()) -> Caller | None:
        """Return who calls, or None when the call carries no credentials at all.

        `authorization` holds every value of that name in the call's metadata, `sans` the subject alternative names of a
        client certificate that the transport has verified. A bearer token counts before a certificate.

        Raises:
            CallerUnknown: there are credentials, and they belong to nobody, or to more than one.
            StoreUnavailable: nobody knows.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerBook:
    """Callers by what they are recognised by: SHA-256 digests of bearer tokens (see `by_digest`), names in certificates.

    `anonymous` is who calls without credentials: None where nobody may.
    """

    by_token: Mapping[bytes, tuple[tuple[bytes, Caller], ...]] = field(default_factory=dict, repr=False)
    by_san: Mapping[str, Caller] = field(default_factory=dict)
    anonymous: Caller | None = None

    def identify(self, authorization: Sequence[str], sans: Sequence[str] = ()) -> Caller | None:
        """See Identifies."""
        if authorization:
            found = self.of_bearer(one_bearer(authorization))
            if found is None:
                raise unknown_bearer()
            return found
        if not sans:
            return self.anonymous
        return only_one(self.of_sans(sans)) or self.anonymous

    def of_bearer(self, digest: bytes) -> Caller | None:
        """Return whose bearer token has this SHA-256.

        Found by a part of the digest, compared whole in constant time. What the search tells of digests leads to no token:
        whoever guesses tokens does not choose digests.
        """
        for known, caller in self.by_token.get(digest[:_PART], ()):
            if hmac.compare_digest(known, digest):
                return caller
        return None

    def of_sans(self, sans: Sequence[str]) -> dict[str, Caller]:
        """Return all that are recognised by one of these names, by their own."""
        return {caller.name: caller for san in sans if (caller := self.by_san.get(san)) is not None}


def by_digest(callers: Iterable[tuple[bytes, Caller]]) -> dict[bytes, tuple[tuple[bytes, Caller], ...]]:
    """Return digests of bearer tokens with whose they are, to be found by a part of the digest."""
    found: dict[bytes, tuple[tuple[bytes, Caller], ...]] = {}
    for digest, caller in callers:
        found[digest[:_PART]] = (*found.get(digest[:_PART], ()), (digest, caller))
    return found


def one_bearer(authorization: Sequence[str]) -> bytes:
    """Return the SHA-256 of the bearer token. Raises CallerUnknown when there is not exactly one."""
    if len(authorization) > 1:
        raise CallerUnknown("more than one authorization")
    digest = read_bearer(authorization[0])
    if digest is None:
        raise unknown_bearer()
    return digest


def unknown_bearer() -> CallerUnknown:
    """Return the refusal of a bearer token, in the same words whatever is wrong with it."""
    return CallerUnknown("the bearer token is not known")


def only_one(found: Mapping[str, Caller]) -> Caller | None:
    """Return the one caller, None when there is none. Raises CallerUnknown when there are several."""
    if len(found) > 1:
        raise CallerUnknown("the certificate names more than one caller")
    return next(iter(found.values()), None)


def configured_callers(settings: Iterable[CallerSetting]) -> list[tuple[CallerSetting, Caller]]:
    """Turn settings into callers. A role that this release does not know is refused when settings are read."""
    return [
        (
            setting,
            Caller(
                name=setting.name,
                role=Role(setting.role),
                tenants=setting.tenants,
                schemes=setting.schemes,
                regions=setting.regions,
                services=setting.services,
                string_to_sign=setting.string_to_sign,
                lease=setting.lease or Role(setting.role) is Role.LEASE,
                pace=pace_of(
                    calls_per_second=setting.calls_per_second,
                    burst=setting.burst,
                    concurrent_calls=setting.concurrent_calls,
                ),
            ),
        )
        for setting in settings
    ]


def call_book(settings: Iterable[CallerSetting], *, admin_token: str | None, anonymous: Caller | None) -> CallerBook:
    """Bring together the configured callers, the holder of the generated admin token, and who may call without either."""
    known = configured_callers(settings)
    by_token = [(setting.token_sha256, caller) for setting, caller in known if setting.token_sha256 is not None]
    if admin_token is not None:
        admin = Caller(name=ADMIN_NAME, role=Role.ADMIN, string_to_sign=True, lease=True)
        by_token.append((bearer_sha256(admin_token), admin))
    by_san = {setting.san: caller for setting, caller in known if setting.san is not None}
    return CallerBook(by_token=by_digest(by_token), by_san=by_san, anonymous=anonymous)
