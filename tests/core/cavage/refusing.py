"""What the attacks on draft-cavage share: the schemes, a refusal with its reason, a signature by HMAC."""

import pytest

from counterseal.core.model import HttpRequest, Reason, Rejected
from counterseal.core.schemes.cavage import Cavage
from tests.core.cavage import world
from tests.core.cavage.world import judge, sign

SCHEMES = tuple(world.SCHEMES.values())
AUTHORIZATION = b"authorization"
all_schemes = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)


def refused(request: HttpRequest, reason: Reason, **changes: object) -> Rejected:
    found = judge(request, **changes)  # type: ignore[arg-type]
    assert isinstance(found, Rejected), found
    assert found.reason is reason, found
    return found


def hmac_signed(scheme: Cavage, request: HttpRequest = world.POST, **options: str) -> HttpRequest:
    """Sign with hmac-sha256 over target, date, host and digest, by name."""
    target = next(iter(scheme.dialect.targets)).decode()
    return sign(scheme, request, **{"algorithm": "hmac-sha256", "headers": f"{target} date host digest", **options})
