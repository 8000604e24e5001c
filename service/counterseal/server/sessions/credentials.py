"""Temporary credentials, as AWS STS gives: a key id, a secret, and a security token that every request carries and signs."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final

from counterseal.core.model import KeyKind
from counterseal.core.schemes.base import Scheme
from counterseal.server.errors import InvalidField
from counterseal.server.keys import limits
from counterseal.server.keys.policy_limits import check_policy
from counterseal.server.sessions.drafts import Asker, CredentialsOrder, SessionRefused, TemporaryCredentials
from counterseal.server.sessions.ending import revoke_key
from counterseal.server.sessions.finding import check_tenant, find_live
from counterseal.server.sessions.ground import Ground, is_live, labels_of
from counterseal.server.sessions.pace import too_many_issued
from counterseal.server.sessions.refusing import Refuse, unknown
from counterseal.server.sessions.throttle import Throttle
from counterseal.server.store.records import AuditEntry, StoredKey
from counterseal.server.store.session_records import SessionChange, SessionView

# The AWS command line asks for new ones at each command; nobody wants to be refused at the eleventh.
MOST_CREDENTIALS: Final = 30
_TOO_MANY: Final = "too many temporary credentials"
DEFAULT_DURATION: Final = dt.timedelta(hours=1)
_SHORTEST: Final = dt.timedelta(minutes=1)
_LONGEST: Final = dt.timedelta(hours=12)
_DEFAULT: Final = frozenset({"aws-sigv4"})
# Those whose requests carry the security token among what they sign.
_FAMILY: Final = "aws-"


class CredentialsDesk:
    """Issues temporary credentials of sessions. Thread-safe. Raises StoreUnavailable."""

    def __init__(self, ground: Ground, throttle: Throttle, schemes: Mapping[str, Scheme]) -> None:
        """`schemes` are the enabled ones."""
        self._ground = ground
        self._throttle = throttle
        self._schemes = schemes

    def issue(self, order: CredentialsOrder, *, asker: Asker) -> TemporaryCredentials | SessionRefused:
        """Issue temporary credentials; durable, and in force in this process, when this returns.

        Where the session has as many as it may have, those issued first are revoked.

        Raises:
            InvalidField: a limit is broken.
            SealBroken: what is stored is not what was sealed.
        """
        order = self._complete(order)
        ground, found = self._ground, list[TemporaryCredentials]()

        def edit(view: SessionView) -> SessionChange:
            check_tenant(view, asker)
            check(view)
            now = ground.now()
            ground.check_going_on(view, now)
            given, change = ground.maker.credentials(order, view.session.record, labels_of(view), now, actor=asker.name)
            found[:] = [given]
            return SessionChange(added=(change,), changed=_surplus(view, now, ground, asker.name))

        try:
            session_id, check = find_live(order.which, ground, ground.now())
            if wait := self._throttle.issue(session_id):
                return too_many_issued(wait)
            if ground.change(session_id, edit) is None:
                unknown()
        except Refuse as refused:
            return refused.refused
        return found[0]

    def _complete(self, order: CredentialsOrder) -> CredentialsOrder:
        if not _SHORTEST <= order.duration <= _LONGEST:
            raise InvalidField("duration", "must be 1 minute to 12 hours")
        schemes = order.allowed_schemes or _DEFAULT
        if not all(name.startswith(_FAMILY) for name in schemes):
            raise InvalidField("allowed_schemes", "must be of AWS's family: others do not carry a security token")
        limits.check_schemes("allowed_schemes", schemes, self._schemes)
        limits.check_kind("allowed_schemes", schemes, self._schemes, KeyKind.SYMMETRIC)
        return dataclasses.replace(order, allowed_schemes=schemes, policy=check_policy("policy", order.policy))


def _surplus(view: SessionView, now: dt.datetime, ground: Ground, actor: str) -> tuple[tuple[StoredKey, AuditEntry], ...]:
    """Return the ends of those credentials that are too many once there are more: the ones issued first."""
    live = [key for key in view.keys if key.record.kind is KeyKind.SYMMETRIC and is_live(key, now)]
    live.sort(key=lambda key: (key.record.created, key.record.key_id))
    leaving = live[: max(0, len(live) + 1 - MOST_CREDENTIALS)]
    return tuple(revoke_key(key, _TOO_MANY, actor=actor, now=now, cipher=ground.cipher) for key in leaving)
