"""Who calls us, and what each caller may ask (DESIGN section 8).

A wrong credential is refused, never treated as none: a caller that means to be known must not become anonymous by accident.
"""

import dataclasses
import enum
import hashlib
import hmac
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from counterseal.core.model import Demand
from counterseal.server.errors import CallerNotPermitted, CallerUnknown, ConfigError
from counterseal.server.private_file import make_once
from counterseal.server.settings import ADMIN_NAME, CallerSetting

ADMIN_FILE: Final = "admin.token"
# The prefix lets secret scanners recognise a leaked one.
_SCANNER_PREFIX: Final = "counterseal_admin_"
_BEARER: Final = re.compile(r"bearer ([A-Za-z0-9._~+/=-]{16,512})", re.ASCII | re.IGNORECASE)
# No scheme, region or service can have this name, in any grammar. A demand for it alone accepts nothing; an empty set would
# accept everything.
NOTHING: Final = frozenset({"\0"})


class Role(enum.Enum):
    """What a caller is there for. A gateway may only verify."""

    ADMIN = "admin"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An identified caller with its limits. A limit of None means that there is none."""

    name: str
    role: Role
    tenants: frozenset[str] | None = None
    schemes: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    services: frozenset[str] | None = None
    string_to_sign: bool = False
    # May be given signing keys of scopes, to check chunk-signed bodies by itself.
    lease: bool = False
    # Whoever calls without credentials.
    anonymous: bool = False

    def narrow(self, demand: Demand) -> Demand:
        """Return what is left of `demand` inside this caller's limits: never wider than either."""
        if self.tenants is None and self.schemes is None and self.regions is None and self.services is None:
            return demand
        tenants = demand.tenants
        if self.tenants is not None:
            tenants = self.tenants if tenants is None else tenants & self.tenants
        # Replaced, not built anew: what a limit does not touch, also of fields to come, stays demanded.
        return dataclasses.replace(
            demand,
            allowed_schemes=_both(demand.allowed_schemes, self.schemes),
            regions=_both(demand.regions, self.regions),
            services=_both(demand.services, self.services),
            tenants=tenants,
        )

    def check_tenant(self, tenant: str) -> None:
        """Raise CallerNotPermitted unless this caller may issue keys of `tenant`."""
        if self.tenants is not None and tenant not in self.tenants:
            raise CallerNotPermitted("this caller may not act for that tenant")


def _both(demanded: frozenset[str], limit: frozenset[str] | None) -> frozenset[str]:
    if limit is None:
        return demanded
    # An empty demand means any, so the limit alone holds; an empty intersection means none.
    return (demanded & limit if demanded else limit) or NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerBook:
    """Every caller that may be recognised.

    `anonymous` is who calls without credentials: None where nobody may. `by_token` holds SHA-256 digests of bearer tokens.
    """

    by_token: tuple[tuple[bytes, Caller], ...] = field(default=(), repr=False)
    by_san: dict[str, Caller] = field(default_factory=dict)
    anonymous: Caller | None = None

    def identify(self, authorization: Sequence[str], sans: Sequence[str] = ()) -> Caller | None:
        """Return who calls, or None when the call carries no credentials at all.

        `authorization` holds every value of that name in the call's metadata, `sans` the subject alternative names of a
        client certificate that the transport has verified. A bearer token counts before a certificate.

        Raises:
            CallerUnknown: there are credentials, and they belong to nobody, or to more than one.
        """
        if authorization:
            if len(authorization) > 1:
                raise CallerUnknown("more than one authorization")
            return self._by_bearer(authorization[0])
        if not sans:
            return self.anonymous
        found = {caller.name: caller for san in sans if (caller := self.by_san.get(san)) is not None}
        if len(found) > 1:
            raise CallerUnknown("the certificate names more than one caller")
        return next(iter(found.values()), self.anonymous)

    def _by_bearer(self, value: str) -> Caller:
        match = _BEARER.fullmatch(value)
        if match is not None:
            digest = hashlib.sha256(match[1].encode("ascii")).digest()
            for known, caller in self.by_token:
                if hmac.compare_digest(known, digest):
                    return caller
        raise CallerUnknown("the bearer token is not known")


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
                lease=setting.lease,
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
        by_token.append((hashlib.sha256(admin_token.encode("ascii")).digest(), admin))
    by_san = {setting.san: caller for setting, caller in known if setting.san is not None}
    return CallerBook(by_token=tuple(by_token), by_san=by_san, anonymous=anonymous)


def admin_token(data_dir: Path) -> str:
    """Return the administrator's bearer token, made at the first start. Only the file's owner can read it.

    Raises:
        ConfigError: the file is empty or garbled, others may read it, or the folder cannot be written.
    """
    path = data_dir / ADMIN_FILE
    try:
        make_once(path, lambda: f"{_SCANNER_PREFIX}{secrets.token_urlsafe(32)}\n".encode("ascii"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"COUNTERSEAL_DATA_DIR: {path} can be read by others; set its mode to 0600")
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise ConfigError(f"COUNTERSEAL_DATA_DIR: {path}: {error.strerror}") from None
    if not _BEARER.fullmatch(f"bearer {text}"):
        raise ConfigError(f"COUNTERSEAL_DATA_DIR: {path} holds no bearer token; remove it to have another made")
    return text
