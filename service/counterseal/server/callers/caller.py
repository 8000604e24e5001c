"""One caller and how far it may go (DESIGN section 8)."""

import dataclasses
from dataclasses import dataclass
from typing import Final

from counterseal.core.model import Demand
from counterseal.server.errors import CallerNotPermitted
from counterseal.server.store.caller_records import Role

# No scheme, region or service can have this name, in any grammar. A demand for it alone accepts nothing; an empty set would
# accept everything.
NOTHING: Final = frozenset({"\0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a caller may call one process. 0 is no limit; `burst` 0 means as many as `calls_per_second`."""

    calls_per_second: int = 0
    burst: int = 0
    concurrent_calls: int = 0


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
    # None: as often as it likes.
    pace: Pace | None = None

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


def pace_of(*, calls_per_second: int, burst: int, concurrent_calls: int) -> Pace | None:
    """Return the pace that these make, None where they limit nothing."""
    if not calls_per_second and not concurrent_calls:
        return None
    return Pace(calls_per_second=calls_per_second, burst=burst, concurrent_calls=concurrent_calls)


def _both(demanded: frozenset[str], limit: frozenset[str] | None) -> frozenset[str]:
    if limit is None:
        return demanded
    # An empty demand means any, so the limit alone holds; an empty intersection means none.
    return (demanded & limit if demanded else limit) or NOTHING
